-- Rules that somebody wrote; a view's own is its definition.
SELECT quote_ident(r.rulename) AS name, r.ev_class::regclass::text AS of,
    jsonb_build_object('definition', rtrim(pg_get_ruledef(r.oid), ';'), 'enabled', r.ev_enabled)
        AS facts
FROM pg_rewrite AS r
JOIN pg_class AS c ON c.oid = r.ev_class
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = ANY (current_setting('doctor.schemas')::text[]) AND r.rulename <> '_RETURN'
