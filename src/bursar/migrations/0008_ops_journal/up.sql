-- The operations journal: what operators did to this database by command. A row is written before
-- an operation begins, and once more when it has ended; one that stays `running` was killed, or is
-- at work. Its id is made by whoever writes it, so that an operation that began before this table
-- was there, or before another database took this one's place, is known again at its end.
CREATE TABLE IF NOT EXISTS bursar.operation (
    id uuid CONSTRAINT operation_pkey PRIMARY KEY,
    command text NOT NULL,       -- with its arguments, no secret among them
    actor text NOT NULL,         -- who typed it: `operator:` and the account
    role text NOT NULL,          -- the login at the database
    plan text[] NOT NULL,        -- what they were shown first, a line each
    status text NOT NULL
        CONSTRAINT operation_status CHECK (status IN ('running', 'done', 'failed')),
    result text,                 -- what came of it, in a sentence
    started_at timestamptz NOT NULL,
    ended_at timestamptz,
    CONSTRAINT operation_ended CHECK ((status = 'running') = (ended_at IS NULL))
);
COMMENT ON TABLE bursar.operation IS 'What operators did to this database by command.';
CREATE INDEX IF NOT EXISTS operation_started_at_idx ON bursar.operation (started_at, id);

ALTER TABLE bursar.operation ENABLE ROW LEVEL SECURITY;
REVOKE ALL ON bursar.operation FROM PUBLIC, anon, authenticated, service_role;
