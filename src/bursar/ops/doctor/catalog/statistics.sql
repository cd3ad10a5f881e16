-- Extended statistics.
SELECT quote_ident(n.nspname) || '.' || quote_ident(s.stxname) AS name,
    s.stxrelid::regclass::text AS of,
    jsonb_build_object('definition', pg_get_statisticsobjdef(s.oid)) AS facts
FROM pg_statistic_ext AS s JOIN pg_namespace AS n ON n.oid = s.stxnamespace
WHERE n.nspname = ANY (current_setting('doctor.schemas')::text[])
