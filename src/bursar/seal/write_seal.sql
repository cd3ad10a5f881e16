-- requires: ledger/append_only.sql
-- requires: ledger/clock.sql
-- Writes one seal over the transactions from `p_from` to `p_to`, both included, and their entries.
-- Every row has one text, a JSON array, and that text's sha256. A block's digest is over the
-- digests of its rows in order, a seal's over the one before it, what it says of itself, and its
-- blocks. So each digest proves everything up to it. Answers NULL where there is nothing to seal.
--
-- Whoever verifies takes what stands between the marks in this file and runs it without these
-- functions: a function in the database may have been replaced along with the rows.
CREATE OR REPLACE FUNCTION bursar.write_seal(p_from bigint, p_to bigint, p_actor text)
RETURNS bursar.seal
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
-- Every sort of a hundred thousand digests stays in memory.
SET work_mem = '64MB'
AS $$
#variable_conflict use_column
DECLARE
    -- Transactions are not parted, so a block has a few rows more.
    v_block_rows CONSTANT bigint := 1000;
    v_seal bursar.seal;
BEGIN
    SELECT s.number, s.digest INTO v_seal.number, v_seal.previous
    FROM bursar.seal AS s ORDER BY s.number DESC LIMIT 1;
    v_seal.number := coalesce(v_seal.number, 0) + 1;
    v_seal.from_id := p_from;
    v_seal.to_id := p_to;
    v_seal.made_at := bursar.clock();
    v_seal.made_by := p_actor;

    INSERT INTO bursar.seal_block (seal, block, from_id, to_id, row_count, digest, marks)
    SELECT v_seal.number, b.block,
        -- What lies between two blocks belongs to the later one, so that nothing can be put there.
        CASE b.block WHEN 1 THEN p_from
            ELSE lag(b.last_id) OVER (ORDER BY b.block) + 1 END,
        CASE b.block WHEN count(*) OVER () THEN p_to ELSE b.last_id END,
        b.row_count, b.digest, b.marks
    FROM (
        SELECT row_number() OVER (ORDER BY g.part) AS block, max(g.transaction_id) AS last_id,
            sum(g.row_count) AS row_count,
            sha256(string_agg(g.digests, ''::bytea ORDER BY g.transaction_id)) AS digest,
            string_agg(g.marks, ''::bytea ORDER BY g.transaction_id) AS marks
        FROM (
            SELECT t.*, (sum(t.row_count) OVER (ORDER BY t.transaction_id) - t.row_count)
                ::bigint / v_block_rows AS part
            FROM (
                SELECT h.transaction_id, count(*) AS row_count,
                    string_agg(h.digest, ''::bytea ORDER BY h.line, h.digest) AS digests,
                    string_agg(int4send((p_to - h.transaction_id)::integer)
                        || int2send(h.line) || substr(h.digest, 1, 6), ''::bytea
                        ORDER BY h.line, h.digest) AS marks
                FROM (
                    -- <rows>
                    SELECT r.transaction_id, r.line, sha256(convert_to(r.said, 'UTF8')) AS digest,
                        r.said
                    FROM (
                        SELECT t.id AS transaction_id, (-32768)::smallint AS line,
                            json_build_array('transaction', t.id, t.verb, t.asset, t.owner_id,
                                t.amount, t.reason, t.actor, t.corrects, t.hold_id, t.metadata,
                                t.created_at AT TIME ZONE 'UTC')::text AS said
                        FROM bursar.transaction AS t
                        WHERE t.id BETWEEN p_from AND p_to
                        UNION ALL
                        SELECT e.transaction_id, e.line,
                            json_build_array('entry', e.transaction_id, e.line, e.asset,
                                e.owner_id, e.amount, e.seq, e.balance_after, e.bucket)::text
                        FROM bursar.entry AS e
                        WHERE e.transaction_id BETWEEN p_from AND p_to
                    ) AS r
                    -- </rows>
                ) AS h
                GROUP BY h.transaction_id
            ) AS t
        ) AS g
        GROUP BY g.part
    ) AS b;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;

    SELECT (SELECT count(*) FROM bursar.transaction AS t WHERE t.id BETWEEN p_from AND p_to),
        coalesce(sum(a.entries), 0)::bigint,
        coalesce(jsonb_object_agg(a.asset, a.amount), '{}'::jsonb)
    INTO v_seal.transactions, v_seal.entries, v_seal.sums
    FROM (
        SELECT e.asset, count(*) AS entries,
            coalesce(sum(e.amount) FILTER (WHERE NOT starts_with(e.owner_id, 'system:')), 0)
                AS amount
        FROM bursar.entry AS e
        WHERE e.transaction_id BETWEEN p_from AND p_to
        GROUP BY e.asset
    ) AS a;
    SELECT
    -- <digest>
        sha256(convert_to(concat_ws(E'\n', 'bursar seal 1', s.number,
            coalesce(encode(s.previous, 'hex'), 'none'), s.from_id, s.to_id, s.transactions,
            s.entries, s.sums, to_json(s.made_at AT TIME ZONE 'UTC') #>> '{}', s.made_by, (
                SELECT string_agg(concat_ws(' ', b.from_id, b.to_id, b.row_count,
                    encode(b.digest, 'hex'), encode(sha256(b.marks), 'hex')), E'\n'
                    ORDER BY b.block)
                FROM bursar.seal_block AS b WHERE b.seal = s.number)), 'UTF8'))
    -- </digest>
    INTO v_seal.digest
    FROM (SELECT (v_seal).*) AS s;
    INSERT INTO bursar.seal (number, from_id, to_id, transactions, entries, sums, previous, digest,
        made_at, made_by)
    SELECT (v_seal).*;
    RETURN v_seal;
END
$$;

COMMENT ON FUNCTION bursar.write_seal(bigint, bigint, text) IS
    'Writes one seal over a range of transactions and their entries.';
REVOKE ALL ON FUNCTION bursar.write_seal(bigint, bigint, text) FROM PUBLIC, anon, authenticated;

CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON bursar.seal
    FOR EACH STATEMENT EXECUTE FUNCTION bursar.refuse_change();
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON bursar.seal_block
    FOR EACH STATEMENT EXECUTE FUNCTION bursar.refuse_change();
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON bursar.seal_checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION bursar.refuse_change();

-- Who reads them. They are made after the ledger's policies, so they have their own.
DO $$
DECLARE
    v_table text;
BEGIN
    FOREACH v_table IN ARRAY ARRAY['seal', 'seal_block', 'seal_checkpoint'] LOOP
        EXECUTE format('GRANT SELECT ON bursar.%I TO service_role, bursar_service, bursar_operator',
            v_table);
        EXECUTE format('DROP POLICY IF EXISTS service_read ON bursar.%I', v_table);
        EXECUTE format('CREATE POLICY service_read ON bursar.%I FOR SELECT
            TO service_role, bursar_service, bursar_operator USING (true)', v_table);
    END LOOP;
END
$$;
