-- requires: ledger/gate_change.sql
-- Who paused changes and let them go on last, newest first: when, by whom, and why.
CREATE OR REPLACE FUNCTION bursar.read_gate_changes(p_limit integer DEFAULT 20) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT coalesce(jsonb_agg(to_jsonb(c) ORDER BY c.id DESC), '[]')
    FROM (SELECT id, degraded, reason, changed_by, changed_at
        FROM bursar.gate_change ORDER BY id DESC
        LIMIT least(greatest(p_limit, 1), 200)) AS c
$$;

COMMENT ON FUNCTION bursar.read_gate_changes(integer) IS
    'Who paused changes and let them go on last.';
REVOKE ALL ON FUNCTION bursar.read_gate_changes(integer) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.read_gate_changes(integer) TO service_role, bursar_service;
