-- Schemas that were asked for.
SELECT quote_ident(n.nspname) AS name, NULL AS of, 
    jsonb_build_object('owner', n.nspowner::regrole::text) AS facts
FROM pg_namespace AS n WHERE n.nspname = ANY (current_setting('doctor.schemas')::text[])
