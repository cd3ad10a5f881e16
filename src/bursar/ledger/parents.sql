-- requires: ledger/read_instructions.sql
-- Whether the verb `refund` can take a transaction back: a grant, or a charge, which is what has
-- debited its owner's own wallet. What corrects another transaction, and an adjustment, is put
-- right by a new one of its kind. What money from outside has moved, a card's payout or a top-up,
-- goes back with the money.
CREATE OR REPLACE FUNCTION bursar.is_refundable(p_transaction_id bigint) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN EXISTS (SELECT FROM bursar.transaction AS t
        WHERE t.id = p_transaction_id AND t.corrects IS NULL AND t.verb <> 'adjust'
            AND (t.verb = 'grant' OR (SELECT bool_or(
                    e.owner_id = t.owner_id AND e.asset = t.asset
                    -- A credit that repays a debt is debited for that, and is no charge.
                    AND e.amount < 0 AND e.bucket <> 'debt')
                FROM bursar.entry AS e WHERE e.transaction_id = t.id)));
END
$$;

COMMENT ON FUNCTION bursar.is_refundable(bigint) IS
    'Whether the verb refund can take a transaction back.';
REVOKE ALL ON FUNCTION bursar.is_refundable(bigint) FROM PUBLIC, anon, authenticated;

-- Holds, parent transactions and external ids: what a request refers to besides wallets. They are
-- locked after the wallets, in order of their ids, and read in the statement after the lock.
CREATE OR REPLACE FUNCTION bursar.read_parents(p_in bursar.instruction[], p_wait boolean)
RETURNS bursar.instruction[]
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    q bursar.instruction;
    v_out bursar.instruction[];
    v_known bursar.external_reference;
BEGIN
    -- Without waiting, what is locked belongs to wallets that are busy, and so are its requests.
    IF p_wait THEN
        PERFORM FROM bursar.hold
        WHERE id = ANY (ARRAY(SELECT i.hold_id FROM unnest(p_in) AS i)) ORDER BY id
        FOR NO KEY UPDATE;
        PERFORM FROM bursar.transaction
        WHERE id = ANY (ARRAY(SELECT i.transaction_id FROM unnest(p_in) AS i)) ORDER BY id
        FOR NO KEY UPDATE;
    END IF;

    FOREACH q IN ARRAY p_in LOOP
        IF q.refusal IS NULL AND q.verb = 'hold' THEN
            q.hold_id := nextval('bursar.hold_id_seq');
        ELSIF q.refusal IS NULL AND q.hold_id IS NOT NULL THEN
            q.hold_left := (SELECT CASE status WHEN 'open' THEN amount - captured - released
                ELSE 0 END FROM bursar.hold WHERE id = q.hold_id);
            IF q.over_run = 'cap' THEN
                q.amount := least(q.amount, q.hold_left);
            END IF;
            q.amount := coalesce(q.amount, q.hold_left);
            q.final := coalesce(q.final, true);
            q.refusal := CASE
                WHEN q.hold_left = 0 THEN 'HOLD_ENDED'
                WHEN q.amount > q.hold_left AND coalesce(q.over_run, 'reject') = 'reject'
                    THEN 'HOLD_EXCEEDED' END;
            q.details := jsonb_build_object('hold_id', q.hold_id, 'left', q.hold_left);
        ELSIF q.refusal IS NULL AND q.transaction_id IS NOT NULL THEN
            q.refunded := (SELECT coalesce(sum(amount), 0) FROM bursar.transaction
                WHERE corrects = q.transaction_id AND verb = 'refund');
            q.amount := coalesce(q.amount, q.parent_amount - q.refunded);
            q.refusal := CASE
                WHEN NOT bursar.is_refundable(q.transaction_id) THEN 'NOT_REFUNDABLE'
                WHEN q.amount = 0 OR q.amount > q.parent_amount - q.refunded
                    THEN 'REFUND_EXCEEDED' END;
            q.details := jsonb_build_object('transaction_id', q.transaction_id,
                'charged', q.parent_amount, 'refunded', q.refunded);
        ELSIF q.refusal IS NULL AND q.external IS NOT NULL THEN
            SELECT * INTO v_known FROM bursar.external_reference
            WHERE provider = q.external ->> 'provider' AND account = q.external ->> 'account'
                AND mode = q.external ->> 'mode' AND external_id = q.external ->> 'id';
            IF FOUND THEN
                -- The same grant again is a replay; write_parents answers it from what is known.
                q.refusal := 'EXTERNAL_ID_TAKEN';
                q.details := jsonb_build_object('external', q.external);
                IF v_known.fingerprint = q.fingerprint THEN
                    q.details := q.details || jsonb_build_object('known', v_known.outcome);
                    q.claim := (SELECT claim FROM bursar.idempotency WHERE claim = q.claim);
                END IF;
            END IF;
        END IF;
        v_out := v_out || q;
    END LOOP;
    RETURN v_out;
END
$$;

COMMENT ON FUNCTION bursar.read_parents(bursar.instruction[], boolean) IS
    'Locks and reads the holds, parents and external ids that requests refer to.';
REVOKE ALL ON FUNCTION bursar.read_parents(bursar.instruction[], boolean)
    FROM PUBLIC, anon, authenticated;

-- Writes what was decided about holds and external ids, and answers the outcomes, with those of
-- known external ids put in.
CREATE OR REPLACE FUNCTION bursar.write_parents(
    p_in bursar.instruction[], p_outcomes json[]
) RETURNS json[]
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    q bursar.instruction;
    v_now CONSTANT timestamptz := bursar.clock();
    v_outcomes json[] := p_outcomes;
    v_outcome json;
    v_taken bigint;
    v_freed bigint;
    v_external integer[];
    v_written integer;
BEGIN
    FOREACH q IN ARRAY p_in LOOP
        EXIT WHEN q.n > cardinality(v_outcomes);
        v_outcome := v_outcomes[q.n];
        IF v_outcome #> '{details,known}' IS NOT NULL THEN
            -- As part of the details it has become jsonb, which orders members in its own way.
            v_outcomes[q.n] := (v_outcome::jsonb #> '{details,known}') || '{"replayed": true}';
        END IF;
        CONTINUE WHEN v_outcome ->> 'status' = 'refused' OR (v_outcome ->> 'replayed')::boolean;
        IF q.verb = 'hold' THEN
            INSERT INTO bursar.hold (id, transaction_id, asset, owner_id, amount, reason, actor,
                metadata, expires_at, created_at)
            VALUES (q.hold_id, (v_outcome ->> 'transaction_id')::bigint, q.asset, q.owner_id,
                q.amount, q.reason, q.actor, q.metadata,
                v_now + make_interval(secs => coalesce(q.expires_in_seconds, 3600)), v_now);
        ELSIF q.verb IN ('capture', 'release') THEN
            v_taken := CASE q.verb WHEN 'capture' THEN least(q.amount, q.hold_left) ELSE 0 END;
            v_freed := CASE WHEN q.verb = 'release' THEN q.amount
                WHEN q.final THEN q.hold_left - v_taken ELSE 0 END;
            UPDATE bursar.hold SET captured = captured + v_taken, released = released + v_freed,
                status = CASE WHEN v_taken + v_freed < q.hold_left THEN 'open'
                    WHEN q.verb = 'capture' THEN 'captured' ELSE 'released' END,
                ended_at = CASE WHEN v_taken + v_freed = q.hold_left THEN v_now END
            WHERE id = q.hold_id;
        ELSIF q.external IS NOT NULL THEN
            v_external := v_external || q.n;
        END IF;
    END LOOP;
    IF v_external IS NOT NULL THEN
        INSERT INTO bursar.external_reference
        SELECT e.external ->> 'provider', e.external ->> 'account', e.external ->> 'mode',
            e.external ->> 'id', e.owner_id, (v_outcomes[e.n] ->> 'transaction_id')::bigint,
            e.fingerprint, v_outcomes[e.n], v_now
        FROM unnest(p_in) AS e WHERE e.n = ANY (v_external)
        ORDER BY 1, 2, 3, 4
        ON CONFLICT (provider, account, mode, external_id) DO NOTHING;
        GET DIAGNOSTICS v_written = ROW_COUNT;
        IF v_written < cardinality(v_external) THEN
            RAISE EXCEPTION 'An external id of this batch was taken meanwhile.'
                USING ERRCODE = 'UBX02';
        END IF;
    END IF;
    RETURN v_outcomes;
END
$$;

COMMENT ON FUNCTION bursar.write_parents(bursar.instruction[], json[]) IS
    'Writes holds and external ids after a batch was posted.';
REVOKE ALL ON FUNCTION bursar.write_parents(bursar.instruction[], json[])
    FROM PUBLIC, anon, authenticated;
