-- requires: ledger/gate.sql
-- requires: ledger/refused.sql
-- requires: ledger/value_shape.sql
-- requires: seal/write_seal.sql
-- Seals what is committed, off the hot path: no writer waits for it, and it waits for none longer
-- than it is told. Callable by whoever keeps time: `bursar audit --seal`, our worker, pg_cron.

-- The last id below which nothing can be written any more, or NULL where a writer was open too
-- long.
--
-- Ids are drawn before they are committed, and not committed in their order, so the highest that is
-- there proves nothing about those below it. But whoever draws an id from the sequence holds a
-- weak lock on it to the end of the transaction, whatever else it does. So: the number that the
-- sequence stands at, then who holds that lock. When these are gone, every id up to that number is
-- committed or never will be. Whoever comes meanwhile draws a higher one and is not waited for.
CREATE OR REPLACE FUNCTION bursar.settled_id(p_wait_ms integer) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_until CONSTANT timestamptz := clock_timestamp() + p_wait_ms * interval '1 millisecond';
    v_last bigint;
    v_open text[];
BEGIN
    -- Ids kept ahead by a session are used later without another lock.
    IF (SELECT q.seqcache FROM pg_sequence AS q
        WHERE q.seqrelid = 'bursar.transaction_id_seq'::regclass) <> 1
    THEN
        RAISE EXCEPTION 'bursar.transaction_id_seq keeps ids ahead; nothing can be sealed.'
            USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'ALTER SEQUENCE bursar.transaction_id_seq CACHE 1;';
    END IF;
    SELECT q.last_value - (NOT q.is_called)::integer INTO v_last
    FROM bursar.transaction_id_seq AS q;
    LOOP
        v_open := ARRAY(
            SELECT l.virtualtransaction FROM pg_locks AS l
            WHERE l.locktype = 'relation' AND l.granted AND l.mode = 'RowExclusiveLock'
                AND l.relation = 'bursar.transaction_id_seq'::regclass
                AND l.database = (SELECT d.oid FROM pg_database AS d
                    WHERE d.datname = current_database())
                AND l.pid IS DISTINCT FROM pg_backend_pid()
                -- A prepared transaction has neither a process nor its first name.
                AND (v_open IS NULL OR l.pid IS NULL OR l.virtualtransaction = ANY (v_open)));
        IF v_open = '{}' THEN
            RETURN v_last;
        ELSIF clock_timestamp() >= v_until THEN
            RETURN NULL;
        END IF;
        PERFORM pg_sleep(0.005);
    END LOOP;
END
$$;

COMMENT ON FUNCTION bursar.settled_id(integer) IS
    'The last id below which nothing can be written any more.';
REVOKE ALL ON FUNCTION bursar.settled_id(integer) FROM PUBLIC, anon, authenticated;

-- One seal over what is new, of at most so many entries (or as many transactions), or of one
-- transaction that has more. Answers {status, number, digest, from_id, to_id, settled_id, entries,
-- transactions, left}: `left` says that there is more to seal already, and `number` is null where
-- there was nothing. Waits up to `p_wait_ms` for the writers that have drawn an id; where one stays
-- open, `status` is `waiting`, and the next call may have more luck. Two at once do not seal twice:
-- one of them is `busy`. Refused with DEGRADED while changes are paused, and with MALFORMED.
CREATE OR REPLACE FUNCTION bursar.seal_ledger(
    p_actor text DEFAULT 'system', p_entries_max integer DEFAULT 100000,
    p_wait_ms integer DEFAULT 2000
) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_verb CONSTANT text := 'seal_ledger';
    -- Distances within a seal are kept in four bytes.
    v_span_max CONSTANT bigint := 2147483647;
    v_last bigint;
    v_from bigint;
    v_first bigint;
    v_to bigint;
    v_settled bigint;
    v_seal bursar.seal;
BEGIN
    IF NOT coalesce(bursar.is_printable(p_actor, 255)
        AND p_entries_max BETWEEN 1 AND 100000 AND p_wait_ms BETWEEN 0 AND 60000, false)
    THEN
        RETURN bursar.refused(v_verb, 'MALFORMED');
    ELSIF NOT pg_try_advisory_xact_lock(hashtextextended('bursar seal', 0)) THEN
        RETURN jsonb_build_object('status', 'busy');
    END IF;
    v_settled := bursar.settled_id(p_wait_ms);
    IF v_settled IS NULL THEN
        RETURN jsonb_build_object('status', 'waiting');
    END IF;
    -- Entered after the wait, so that whoever pauses changes need not wait for it as well.
    IF NOT bursar.enter_gate() THEN
        RETURN bursar.refused(v_verb, 'DEGRADED');
    END IF;
    v_last := (SELECT s.to_id FROM bursar.seal AS s ORDER BY s.number DESC LIMIT 1);
    v_from := coalesce(v_last, -9223372036854775808) + 1;
    v_first := least(
        (SELECT min(t.id) FROM bursar.transaction AS t WHERE t.id >= v_from),
        (SELECT min(e.transaction_id) FROM bursar.entry AS e WHERE e.transaction_id >= v_from));
    v_from := coalesce(v_last + 1, least(1, v_first));
    IF v_first <= v_settled THEN
        -- Up to the first transaction that does not fit, by its entries or as one too many.
        v_to := least(v_settled, v_first + v_span_max, greatest(v_first, coalesce(least(
            (SELECT e.transaction_id - 1 FROM bursar.entry AS e WHERE e.transaction_id >= v_from
                ORDER BY e.transaction_id, e.line OFFSET p_entries_max LIMIT 1),
            (SELECT t.id - 1 FROM bursar.transaction AS t WHERE t.id >= v_from
                ORDER BY t.id OFFSET p_entries_max LIMIT 1)), v_settled)));
        v_seal := bursar.write_seal(v_from, v_to, p_actor);
    END IF;
    RETURN jsonb_build_object('status', 'done', 'number', v_seal.number,
        'digest', encode(v_seal.digest, 'hex'), 'from_id', v_from, 'to_id', v_to,
        'settled_id', v_settled, 'transactions', coalesce(v_seal.transactions, 0),
        'entries', coalesce(v_seal.entries, 0),
        'left', coalesce(v_to < v_settled, false));
END
$$;

COMMENT ON FUNCTION bursar.seal_ledger(text, integer, integer) IS
    'Seals what was committed since the last seal.';
REVOKE ALL ON FUNCTION bursar.seal_ledger(text, integer, integer)
    FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.seal_ledger(text, integer, integer)
    TO service_role, bursar_service;

-- Notes that an audit which looked at everything up to a seal, or at what was new since the
-- checkpoint before it, found nothing. Answers whether it did: a seal that is not there, or is
-- another one meanwhile, is none.
CREATE OR REPLACE FUNCTION bursar.record_checkpoint(
    p_seal bigint, p_audited_at timestamptz, p_actor text
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    IF NOT bursar.enter_gate() THEN
        RETURN false;
    END IF;
    INSERT INTO bursar.seal_checkpoint (seal, digest, audited_at, audited_by)
    SELECT s.number, s.digest, p_audited_at, p_actor FROM bursar.seal AS s
    WHERE s.number = p_seal AND bursar.is_printable(p_actor, 255)
    ON CONFLICT (seal) DO NOTHING;
    RETURN FOUND;
END
$$;

COMMENT ON FUNCTION bursar.record_checkpoint(bigint, timestamptz, text) IS
    'Notes up to which seal an audit found nothing.';
REVOKE ALL ON FUNCTION bursar.record_checkpoint(bigint, timestamptz, text)
    FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.record_checkpoint(bigint, timestamptz, text) TO bursar_operator;

-- The chain's head: number and digest of the last seal, or NULL where there is none.
CREATE OR REPLACE FUNCTION bursar.seal_head() RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('number', s.number, 'digest', encode(s.digest, 'hex'),
            'to_id', s.to_id, 'made_at', s.made_at)
        FROM bursar.seal AS s ORDER BY s.number DESC LIMIT 1);
END
$$;

COMMENT ON FUNCTION bursar.seal_head() IS 'Number and digest of the last seal.';
REVOKE ALL ON FUNCTION bursar.seal_head() FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.seal_head() TO service_role, bursar_service, bursar_operator;
