-- requires: ledger/clock.sql
-- The sweeper of what is counted: minutes, heartbeats and observations are kept for 35 days, so
-- that a month can be looked at, and events of alerts for 90. Up to `p_limit` of each, oldest
-- first; answers how many. Rows that somebody else has locked are left for the next time.
CREATE OR REPLACE FUNCTION bursar.expire_metrics(p_limit integer DEFAULT 500) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_before CONSTANT timestamptz := bursar.clock() - interval '35 days';
    v_swept bigint;
    v_all bigint := 0;
BEGIN
    DELETE FROM bursar.metric_minute WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM bursar.metric_minute WHERE minute < v_before
        ORDER BY minute LIMIT p_limit FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS v_swept = ROW_COUNT;
    v_all := v_all + v_swept;
    DELETE FROM bursar.heartbeat WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM bursar.heartbeat WHERE minute < v_before
        ORDER BY minute LIMIT p_limit FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS v_swept = ROW_COUNT;
    v_all := v_all + v_swept;
    DELETE FROM bursar.observation WHERE observed_at = ANY (ARRAY(
        SELECT observed_at FROM bursar.observation WHERE observed_at < v_before
        ORDER BY observed_at LIMIT p_limit FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS v_swept = ROW_COUNT;
    v_all := v_all + v_swept;
    DELETE FROM bursar.alert_event WHERE id = ANY (ARRAY(
        SELECT id FROM bursar.alert_event
        WHERE happened_at < bursar.clock() - interval '90 days'
        ORDER BY id LIMIT p_limit FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS v_swept = ROW_COUNT;
    RETURN v_all + v_swept;
END
$$;

COMMENT ON FUNCTION bursar.expire_metrics(integer) IS
    'Lets go of old minutes, observations and events of alerts; answers how many.';
REVOKE ALL ON FUNCTION bursar.expire_metrics(integer) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.expire_metrics(integer) TO service_role, bursar_service;
