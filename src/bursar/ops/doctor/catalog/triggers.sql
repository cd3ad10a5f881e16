-- Triggers that somebody wrote. A partition's are clones of its parent's, but may be switched off.
SELECT quote_ident(t.tgname) AS name, t.tgrelid::regclass::text AS of,
    jsonb_build_object('definition', pg_get_triggerdef(t.oid), 'enabled', t.tgenabled,
        'cloned', t.tgparentid <> 0, 'constraint', t.tgconstraint <> 0,
        'function', t.tgfoid::regprocedure::text) AS facts
FROM pg_trigger AS t
JOIN pg_class AS c ON c.oid = t.tgrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = ANY (current_setting('doctor.schemas')::text[])
    AND NOT (t.tgisinternal AND t.tgparentid = 0)
    AND (t.tgparentid = 0 OR EXISTS (SELECT FROM pg_trigger AS p WHERE p.oid = t.tgparentid
        AND NOT p.tgisinternal))
    AND NOT EXISTS (SELECT FROM pg_depend AS e WHERE e.objid = c.oid
        AND e.classid = 'pg_class'::regclass AND e.deptype = 'e')
