-- Raises when the layout is not what the functions rely on: tables distributed by home and placed
-- together, functions that are handed to the home's node, the same kernel on every node.
DO $$
DECLARE
    v_wrong text;
BEGIN
    SELECT string_agg(t.name, ', ') INTO v_wrong
    FROM unnest(ARRAY['wallet', 'transaction', 'entry', 'idempotency', 'collected_reward'])
        AS t (name)
    LEFT JOIN citus_tables AS c ON c.table_name = to_regclass('bursar_citus.' || t.name)
    WHERE c.citus_table_type IS DISTINCT FROM 'distributed' OR c.distribution_column <> 'home'
        OR c.colocation_id <> (SELECT w.colocation_id FROM citus_tables AS w
            WHERE w.table_name = to_regclass('bursar_citus.wallet'));
    IF v_wrong IS NOT NULL THEN
        RAISE EXCEPTION 'Not distributed by home beside the wallets: %.', v_wrong;
    END IF;

    SELECT string_agg(f.name, ', ') INTO v_wrong
    FROM unnest(ARRAY['look', 'half', 'carry']) AS f (name)
    WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_dist_object AS o
        JOIN pg_proc AS p ON p.oid = o.objid AND o.classid = 'pg_proc'::regclass
        WHERE p.pronamespace = to_regnamespace('bursar_citus') AND p.proname = f.name
            AND o.distribution_argument_index = 0 AND o.force_delegation);
    IF v_wrong IS NOT NULL THEN
        RAISE EXCEPTION 'Not delegated to the node of their first argument: %.', v_wrong;
    END IF;

    IF (SELECT count(DISTINCT r.result) + count(*) FILTER (WHERE NOT r.success)
        FROM run_command_on_all_nodes($c$
            SELECT md5(string_agg(pg_get_functiondef(p.oid), ''
                ORDER BY p.oid::regprocedure::text))
            FROM pg_proc AS p WHERE p.pronamespace IN (
                to_regnamespace('bursar'), to_regnamespace('bursar_citus'))$c$) AS r) <> 1
    THEN
        RAISE EXCEPTION 'The functions are not the same on every node.'
            USING HINT = 'Run bursar migrate up on every node, then this layout again.';
    END IF;
END
$$;
