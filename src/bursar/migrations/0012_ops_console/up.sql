-- What was found by the checks that operators begin at the console, so that every process of the
-- service shows it: the last reports of each kind. A check's id is its operation's in the journal.
-- begin_check() keeps the newest thirty of each kind and lets go of the rest.
CREATE TABLE IF NOT EXISTS bursar.check_run (
    id uuid CONSTRAINT check_run_pkey PRIMARY KEY,
    kind text NOT NULL
        CONSTRAINT check_run_kind CHECK (kind IN ('audit', 'doctor')),
    actor text NOT NULL,
    status text NOT NULL
        CONSTRAINT check_run_status CHECK (status IN ('running', 'done', 'failed')),
    -- How far it is: so many parts of so many.
    done bigint NOT NULL DEFAULT 0,
    parts bigint NOT NULL DEFAULT 0,
    -- Whether everything was as it should be; NULL until it is known.
    healthy boolean,
    said text,
    report jsonb,
    started_at timestamptz NOT NULL,
    ended_at timestamptz,
    CONSTRAINT check_run_ended CHECK ((status = 'running') = (ended_at IS NULL))
);
COMMENT ON TABLE bursar.check_run IS 'What the checks found that were begun at the console.';
CREATE INDEX IF NOT EXISTS check_run_started_at_idx ON bursar.check_run (kind, started_at);

ALTER TABLE bursar.check_run ENABLE ROW LEVEL SECURITY;
REVOKE ALL ON bursar.check_run FROM PUBLIC, anon, authenticated, service_role;
-- As ledger/policies.sql says of every table; it is not applied again for tables that come later.
GRANT SELECT ON bursar.check_run TO service_role, bursar_service, bursar_operator;
DROP POLICY IF EXISTS service_read ON bursar.check_run;
CREATE POLICY service_read ON bursar.check_run FOR SELECT
    TO service_role, bursar_service, bursar_operator USING (true);
