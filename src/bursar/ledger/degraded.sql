-- requires: ledger/few_words.sql
-- requires: ledger/gate.sql
-- requires: ledger/gate_change.sql
-- requires: ledger/refused.sql
-- How the gate stands.
CREATE OR REPLACE FUNCTION bursar.read_gate() RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT jsonb_build_object('degraded', g.degraded, 'reason', g.reason,
        'changed_by', g.changed_by, 'changed_at', g.changed_at,
        -- The session's own transaction may be for reading only, so that is not what is asked.
        'takes_writes', NOT pg_is_in_recovery()
            AND NOT current_setting('default_transaction_read_only')::boolean)
    FROM bursar.gate AS g
$$;

COMMENT ON FUNCTION bursar.read_gate() IS
    'How the gate stands, and whether the database takes writes at all.';
REVOKE ALL ON FUNCTION bursar.read_gate() FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.read_gate() TO service_role, bursar_service, bursar_operator;

-- Degraded mode: changes are paused, reading goes on. The flag is set and committed first, so that
-- nobody queues: whoever enters the gate from then on is refused at once. Then whoever closed it
-- waits for the writers that were inside already, which `read_writers` names; when they are gone
-- nothing is written any more. The operator goes on working.
CREATE OR REPLACE FUNCTION bursar.set_degraded(p_on boolean, p_reason text, p_actor text)
RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_before bursar.gate;
BEGIN
    IF p_on IS NULL OR coalesce(btrim(p_reason), '') = '' OR coalesce(btrim(p_actor), '') = '' THEN
        RETURN bursar.refused('set_degraded', 'MALFORMED', '{"field": "reason"}',
            'Pausing changes and letting them go on needs an actor and a reason.');
    END IF;
    SELECT * INTO STRICT v_before FROM bursar.gate FOR UPDATE;
    IF v_before.degraded <> p_on THEN
        UPDATE bursar.gate SET degraded = p_on, reason = p_reason, changed_by = p_actor,
            changed_at = bursar.clock();
        INSERT INTO bursar.gate_change (degraded, reason, changed_by, changed_at)
        VALUES (p_on, p_reason, p_actor, bursar.clock());
    END IF;
    RETURN bursar.read_gate() || jsonb_build_object(
        'status', 'done', 'changed', v_before.degraded <> p_on);
END
$$;

COMMENT ON FUNCTION bursar.set_degraded(boolean, text, text) IS
    'Pauses changes, or lets them go on; answers how the gate stands.';
REVOKE ALL ON FUNCTION bursar.set_degraded(boolean, text, text)
    FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.set_degraded(boolean, text, text)
    TO service_role, bursar_service, bursar_operator;

-- Who is inside the gate now: transactions that may still write. Those that entered after the flag
-- was committed are refused and gone in a moment; a transaction is known again by its `id`.
CREATE OR REPLACE FUNCTION bursar.read_writers() RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('id', l.virtualtransaction, 'pid', l.pid,
        'role', a.usename, 'application', a.application_name, 'client', host(a.client_addr),
        'state', a.state, 'since', a.xact_start,
        'seconds', round(extract(epoch FROM clock_timestamp() - a.xact_start)::numeric, 1),
        'doing', bursar.few_words(a.query)) ORDER BY a.xact_start), '[]')
    FROM pg_locks AS l
    LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid
    WHERE l.locktype = 'relation' AND l.granted AND l.mode = 'RowExclusiveLock'
        AND l.relation = 'bursar.gate'::regclass
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND l.pid IS DISTINCT FROM pg_backend_pid()
$$;

COMMENT ON FUNCTION bursar.read_writers() IS 'Transactions that may still write.';
REVOKE ALL ON FUNCTION bursar.read_writers() FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.read_writers() TO service_role, bursar_service, bursar_operator;
