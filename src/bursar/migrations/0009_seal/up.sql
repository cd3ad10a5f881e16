-- Seals: digests of what is committed, each over the one before it, so that an edit of a
-- transaction or an entry that was sealed is found, by whomever it was made. They are made off the
-- hot path (seal/seal_ledger.sql) and never changed.
CREATE TABLE IF NOT EXISTS bursar.seal (
    number bigint CONSTRAINT seal_pkey PRIMARY KEY CONSTRAINT seal_number CHECK (number > 0),
    -- Of transactions, both included. A seal begins where the one before it ends.
    from_id bigint NOT NULL,
    to_id bigint NOT NULL,
    transactions bigint NOT NULL,
    entries bigint NOT NULL,
    -- What the entries of its wallets come to, by asset; those of system wallets are the opposite.
    sums jsonb NOT NULL,
    -- The digest of the seal before it; NULL in the first.
    previous bytea,
    digest bytea NOT NULL,
    made_at timestamptz NOT NULL,
    made_by text NOT NULL,
    CONSTRAINT seal_range CHECK (from_id <= to_id)
);
COMMENT ON TABLE bursar.seal IS 'Digests of sealed transactions and entries, in a chain.';

-- The parts of a seal, about a thousand rows each. `digest` is over the digests of the rows, in
-- order; `marks` has twelve bytes for each row: its transaction's distance from the seal's last
-- (4), its line (2; -32768 is the transaction itself), the beginning of its digest (6). By them a
-- row that was edited, removed or put in is named.
CREATE TABLE IF NOT EXISTS bursar.seal_block (
    seal bigint NOT NULL,
    block bigint NOT NULL,
    from_id bigint NOT NULL,
    to_id bigint NOT NULL,
    row_count bigint NOT NULL,
    digest bytea NOT NULL,
    marks bytea NOT NULL,
    CONSTRAINT seal_block_pkey PRIMARY KEY (seal, block)
);
COMMENT ON TABLE bursar.seal_block IS 'The parts of a seal, so that a row which differs is named.';

-- Where an incremental audit begins: the last seal that an audit without findings has covered.
CREATE TABLE IF NOT EXISTS bursar.seal_checkpoint (
    seal bigint CONSTRAINT seal_checkpoint_pkey PRIMARY KEY,
    digest bytea NOT NULL,
    audited_at timestamptz NOT NULL,
    audited_by text NOT NULL
);
COMMENT ON TABLE bursar.seal_checkpoint IS 'Seals up to which an audit found nothing.';

ALTER TABLE bursar.seal ENABLE ROW LEVEL SECURITY;
ALTER TABLE bursar.seal_block ENABLE ROW LEVEL SECURITY;
ALTER TABLE bursar.seal_checkpoint ENABLE ROW LEVEL SECURITY;
