-- What monitoring needs besides counts: what kind of answer each was and how many were given
-- again, what was found out about the database itself, and which alerts were told.
ALTER TABLE bursar.metric_minute
    ADD COLUMN IF NOT EXISTS kind text NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS replays bigint NOT NULL DEFAULT 0;

-- In which minutes which process of the service wrote to this database, by the database's clock.
CREATE TABLE IF NOT EXISTS bursar.heartbeat (
    minute timestamptz NOT NULL,
    process text NOT NULL,
    CONSTRAINT heartbeat_pkey PRIMARY KEY (minute, process)
);
COMMENT ON TABLE bursar.heartbeat IS 'In which minutes the service was there.';

-- How the database was found, about once a minute: `figures` as bursar.look_around() names them.
CREATE TABLE IF NOT EXISTS bursar.observation (
    observed_at timestamptz CONSTRAINT observation_pkey PRIMARY KEY,
    figures jsonb NOT NULL
);
COMMENT ON TABLE bursar.observation IS 'How the database was found, about once a minute.';

-- Which alerts are firing, so that whoever looks next knows what is new.
CREATE TABLE IF NOT EXISTS bursar.alert (
    alert text CONSTRAINT alert_pkey PRIMARY KEY,
    firing boolean NOT NULL,
    since timestamptz NOT NULL
);
COMMENT ON TABLE bursar.alert IS 'Which alerts are firing, and since when.';

-- Each time an alert fired or cleared: once, whoever looked. It is told at the webhook.
CREATE TABLE IF NOT EXISTS bursar.alert_event (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT alert_event_pkey PRIMARY KEY,
    alert text NOT NULL,
    state text NOT NULL
        CONSTRAINT alert_event_state CHECK (state IN ('firing', 'resolved')),
    body jsonb NOT NULL,
    happened_at timestamptz NOT NULL,
    attempts bigint NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL,
    last_error text,
    told_at timestamptz
);
COMMENT ON TABLE bursar.alert_event IS 'Each time an alert fired or cleared.';
CREATE INDEX IF NOT EXISTS alert_event_untold_idx ON bursar.alert_event (id)
    WHERE told_at IS NULL;

ALTER TABLE bursar.heartbeat ENABLE ROW LEVEL SECURITY;
ALTER TABLE bursar.observation ENABLE ROW LEVEL SECURITY;
ALTER TABLE bursar.alert ENABLE ROW LEVEL SECURITY;
ALTER TABLE bursar.alert_event ENABLE ROW LEVEL SECURITY;
REVOKE ALL ON bursar.heartbeat, bursar.observation, bursar.alert, bursar.alert_event
    FROM PUBLIC, anon, authenticated, service_role;
REVOKE ALL ON SEQUENCE bursar.alert_event_id_seq FROM PUBLIC, anon, authenticated, service_role;
-- As ledger/policies.sql says of every table. It is not applied again for tables that come later,
-- and a routine of this room would be applied where this step has been undone.
GRANT SELECT ON bursar.heartbeat, bursar.observation, bursar.alert, bursar.alert_event
    TO service_role, bursar_service, bursar_operator;
DROP POLICY IF EXISTS service_read ON bursar.heartbeat;
CREATE POLICY service_read ON bursar.heartbeat FOR SELECT
    TO service_role, bursar_service, bursar_operator USING (true);
DROP POLICY IF EXISTS service_read ON bursar.observation;
CREATE POLICY service_read ON bursar.observation FOR SELECT
    TO service_role, bursar_service, bursar_operator USING (true);
DROP POLICY IF EXISTS service_read ON bursar.alert;
CREATE POLICY service_read ON bursar.alert FOR SELECT
    TO service_role, bursar_service, bursar_operator USING (true);
DROP POLICY IF EXISTS service_read ON bursar.alert_event;
CREATE POLICY service_read ON bursar.alert_event FOR SELECT
    TO service_role, bursar_service, bursar_operator USING (true);
