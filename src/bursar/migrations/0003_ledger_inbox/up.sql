-- The inbox: what card companies and stores told us, each event once, kept for ever. An event is
-- written in the transaction of its effect, so the effect is there exactly when the event is.
CREATE TABLE IF NOT EXISTS bursar.inbox (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT inbox_id_key UNIQUE,
    provider text NOT NULL,
    account text NOT NULL,
    mode text NOT NULL CONSTRAINT inbox_mode CHECK (mode IN ('live', 'test')),
    event_id text NOT NULL,
    type text NOT NULL,
    -- What the event is about: a payment of ours where the event names one, else what the provider
    -- calls it.
    subject text,
    payload jsonb NOT NULL,
    occurred_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    -- waiting: kept without an effect yet. refused: the effect was refused and may be tried again.
    status text NOT NULL CONSTRAINT inbox_status CHECK (status IN ('waiting', 'done', 'refused')),
    outcome json,
    deliveries bigint NOT NULL DEFAULT 1,
    handled_at timestamptz,
    CONSTRAINT inbox_pkey PRIMARY KEY (provider, account, mode, event_id)
);
COMMENT ON TABLE bursar.inbox IS 'Events of card companies and stores, each once.';
CREATE INDEX IF NOT EXISTS inbox_subject_idx ON bursar.inbox (subject, provider)
    WHERE subject IS NOT NULL;
CREATE INDEX IF NOT EXISTS inbox_open_idx ON bursar.inbox (occurred_at, id) WHERE status <> 'done';
CREATE INDEX IF NOT EXISTS inbox_received_at_idx ON bursar.inbox USING brin (received_at);

ALTER TABLE bursar.inbox ENABLE ROW LEVEL SECURITY;
