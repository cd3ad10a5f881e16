-- requires: ledger/gate.sql
-- requires: ledger/refused.sql
-- requires: ledger/caller.sql
-- For tables that apps write with plain SQL: a BEFORE statement trigger that stops at a closed
-- gate. The operator goes on working.
CREATE OR REPLACE FUNCTION bursar.stop_at_closed_gate() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    IF NOT pg_has_role(bursar.caller_role(), 'bursar_operator', 'MEMBER')
        AND NOT bursar.enter_gate()
    THEN
        PERFORM bursar.raise_refusal(bursar.refused(lower(TG_OP), 'DEGRADED'));
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION bursar.stop_at_closed_gate() IS
    'Trigger: refuses a write while changes are paused.';
REVOKE ALL ON FUNCTION bursar.stop_at_closed_gate() FROM PUBLIC, anon, authenticated;
