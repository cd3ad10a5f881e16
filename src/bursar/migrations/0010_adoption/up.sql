-- Tables of other people's apps that are stores by adoption: which, how far it has come, what was
-- decided about rows that no wallet can be opened with, and what has to be taken away again when
-- the table is given back. A row stays as history after that.
CREATE TABLE IF NOT EXISTS bursar.adoption (
    asset text CONSTRAINT adoption_pkey PRIMARY KEY,
    store regclass NOT NULL,
    owner_column name NOT NULL,
    balance_column name NOT NULL,
    stage text NOT NULL CONSTRAINT adoption_stage CHECK (stage IN (
        'opening',       -- raw writes are recorded, rows are opened in batches
        'guarding',      -- every row is open; the checks are there and wait to be validated
        'adopted',       -- the ledger's functions know it
        'leaving',       -- the ledger's functions refuse it, its writers end
        'closing',       -- the table is given back; closing entries are written in batches
        'given back'
    )),
    negative text NOT NULL
        CONSTRAINT adoption_negative CHECK (negative IN ('stop', 'debt', 'zero')),
    missing text NOT NULL CONSTRAINT adoption_missing CHECK (missing IN ('stop', 'zero')),
    writers text[] NOT NULL,       -- roles of the app whose raw writes are recorded
    made jsonb NOT NULL,           -- what there was before, or was not
    reached text,                  -- owner up to whom rows are opened, or from whom on closed
    rows_done bigint NOT NULL DEFAULT 0,
    began_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL
);
COMMENT ON TABLE bursar.adoption IS
    'Tables that became stores by adoption, and how far that has come.';

ALTER TABLE bursar.adoption ENABLE ROW LEVEL SECURITY;
REVOKE ALL ON bursar.adoption FROM PUBLIC, anon, authenticated, service_role;
