-- Functions, procedures and aggregates, by their arguments' types.
SELECT p.oid::regprocedure::text AS name, NULL AS of,
    jsonb_strip_nulls(jsonb_build_object('made', p.oid::bigint, 'owner', p.proowner::regrole::text,
        'kind', p.prokind, 'language', l.lanname,
        'result', pg_get_function_result(p.oid),
        'arguments', pg_get_function_arguments(p.oid),
        'body', coalesce(pg_get_function_sqlbody(p.oid), p.prosrc),
        'security_definer', p.prosecdef, 'volatility', p.provolatile,
        'parallel', p.proparallel, 'strict', p.proisstrict, 'leakproof', p.proleakproof,
        'settings', (SELECT jsonb_agg(s ORDER BY s) FROM unnest(p.proconfig) AS s),
        'least', p.pronargs - p.pronargdefaults,
        'most', CASE p.provariadic WHEN 0 THEN p.pronargs ELSE 100 END,
        'defaults', p.pronargdefaults, 'names', to_jsonb(p.proargnames),
        'used', nullif(EXISTS (SELECT FROM pg_depend AS u
            WHERE u.refclassid = 'pg_proc'::regclass AND u.refobjid = p.oid), false),
        'cost', p.procost, 'rows', p.prorows,
        'definition', CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) END,
        'aggregate', CASE p.prokind WHEN 'a' THEN (SELECT concat_ws(' ', a.aggtransfn,
            a.aggfinalfn, a.aggcombinefn, format_type(a.aggtranstype, NULL), a.agginitval)
            FROM pg_aggregate AS a WHERE a.aggfnoid = p.oid) END)) AS facts
FROM pg_proc AS p
JOIN pg_namespace AS n ON n.oid = p.pronamespace
JOIN pg_language AS l ON l.oid = p.prolang
WHERE n.nspname = ANY (current_setting('doctor.schemas')::text[])
    AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = p.oid
        AND d.classid = 'pg_proc'::regclass AND d.deptype IN ('e', 'i'))
