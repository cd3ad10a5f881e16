-- requires: ledger/append_only.sql
-- Who closed the gate and opened it, when, and why. Append-only. A table of a routine: databases
-- that were made before it have it with the next migration, whichever that is, and keep it.
CREATE TABLE IF NOT EXISTS bursar.gate_change (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT gate_change_pkey PRIMARY KEY,
    degraded boolean NOT NULL,
    reason text NOT NULL,
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL
);
COMMENT ON TABLE bursar.gate_change IS 'Who paused changes and let them go on, when, and why.';
ALTER TABLE bursar.gate_change ENABLE ROW LEVEL SECURITY;
REVOKE ALL ON bursar.gate_change FROM PUBLIC, anon, authenticated;
GRANT SELECT ON bursar.gate_change TO service_role, bursar_service, bursar_operator;
DROP POLICY IF EXISTS service_read ON bursar.gate_change;
CREATE POLICY service_read ON bursar.gate_change FOR SELECT
    TO service_role, bursar_service, bursar_operator USING (true);
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON bursar.gate_change
    FOR EACH STATEMENT EXECUTE FUNCTION bursar.refuse_change();
