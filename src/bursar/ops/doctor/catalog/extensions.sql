-- Extensions, wherever they live; their members are left out everywhere else.
SELECT quote_ident(e.extname) AS name, NULL AS of,
    jsonb_build_object('schema', quote_ident(n.nspname)) AS facts
FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace
WHERE e.extname <> 'plpgsql'
