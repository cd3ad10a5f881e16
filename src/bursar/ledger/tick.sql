-- requires: ledger/expire_holds.sql
-- requires: ledger/claim.sql
-- What has to happen without anybody asking, for databases beside which no worker of ours runs: a
-- scheduler inside (pg_cron) or outside calls it every minute. It runs the sweepers of every room:
-- each function `expire_…(limit integer)` of this schema that answers how many. One that fails
-- neither stops nor undoes the others; what failed is told.
CREATE OR REPLACE FUNCTION bursar.tick(p_limit integer DEFAULT 500) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_sweeper name;
    v_swept bigint;
    v_done jsonb := '{}';
BEGIN
    FOR v_sweeper IN SELECT proname FROM pg_proc
        WHERE pronamespace = 'bursar'::regnamespace AND proname ~ '^expire_'
            AND prorettype = 'bigint'::regtype
            AND proargtypes = ARRAY['integer'::regtype::oid]::oidvector
        ORDER BY proname COLLATE "C"
    LOOP
        BEGIN
            EXECUTE format('SELECT bursar.%I($1)', v_sweeper) INTO v_swept USING p_limit;
            v_done := v_done || jsonb_build_object(v_sweeper, v_swept);
        EXCEPTION WHEN OTHERS THEN
            v_done := v_done || jsonb_build_object(v_sweeper, SQLERRM);
            RAISE WARNING '% failed: %', v_sweeper, SQLERRM;
        END;
    END LOOP;
    RETURN v_done || jsonb_build_object(
        'prune_idempotency', bursar.prune_idempotency(interval '30 days', p_limit));
END
$$;

COMMENT ON FUNCTION bursar.tick(integer) IS
    'Runs the sweepers of every room; answers how much each swept up.';
REVOKE ALL ON FUNCTION bursar.tick(integer) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.tick(integer) TO service_role, bursar_service;
