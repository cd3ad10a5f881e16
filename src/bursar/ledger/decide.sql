-- requires: ledger/refused.sql
-- requires: ledger/done.sql
-- requires: ledger/reason_to_refuse.sql
-- Decides a batch as if its requests ran one after the other, in order, over wallets that are
-- locked. Everything is decided here, overflow included, before the first row is written. Order of
-- reasons to refuse: a known key, what the verb found (`refusal`), BUSY, WALLET_NOT_FOUND,
-- WALLET_CLOSED, WALLET_FROZEN, WALLET_NOT_EMPTY, INSUFFICIENT_FUNDS, BALANCE_LIMIT. Requests
-- behind the last outcome are not decided yet: they belong into another call.
--
-- `p_wallets` are in lock order, each once, and hold every wallet named by a leg. `p_legs` are
-- sorted by request; of those of one request that have a wallet, the first is its owner's. System
-- wallets have no row, so their legs only become entries.
--
-- Most requests only move an amount between open wallets that have enough. For these the loop does
-- nothing but arithmetic, and what will be written is put together in one statement for all of
-- them. Whatever is out of the ordinary is decided one by one.
CREATE OR REPLACE FUNCTION bursar.decide(
    p_wallets bursar.wallet_state[],
    p_requests bursar.request[],
    p_legs bursar.leg[],
    p_sentences jsonb
) RETURNS bursar.plan
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_now CONSTANT timestamptz := bursar.clock();
    -- Wallets, by place in the lock order. A plain one is open, without debt.
    w_balance bigint[]; w_held bigint[]; w_seq bigint[]; w_balance_max bigint[]; w_plain boolean[];
    -- The rest of them, read when the first request out of the ordinary comes.
    w_status text[]; w_owed bigint[]; w_owed_seq bigint[]; w_repays boolean[]; w_sought boolean[];
    w_owes boolean[];
    -- Legs: the place of the leg's wallet, 0 for a system wallet; then what was decided.
    l_wallet integer[]; l_amount bigint[]; l_held bigint[]; l_seq bigint[]; l_after bigint[];
    -- Requests: the first of their legs, and if they are carried out their transaction, with what
    -- their owner has then.
    r_legs integer[]; r_plain boolean[]; r_first integer[]; r_id bigint[]; r_balance bigint[];
    r_held bigint[];
    -- What the others come to.
    v_outcomes json[]; v_transactions bursar.transaction[]; v_entries bursar.entry[];
    r_remembered boolean[]; v_missing jsonb := '[]';
    v_plan bursar.plan;
    v_precedence CONSTANT text[] := ARRAY['BUSY', 'WALLET_NOT_FOUND', 'WALLET_CLOSED',
        'WALLET_FROZEN', 'WALLET_NOT_EMPTY', 'INSUFFICIENT_FUNDS', 'BALANCE_LIMIT'];
    v_legs bursar.leg[]; r bursar.request; l bursar.leg; known bursar.idempotency;
    w integer;
    v_decided integer := cardinality(p_requests);
    v_next integer := 1; v_first integer; v_subject integer; v_line smallint;
    v_code text; v_details jsonb; v_reason text; v_need bigint; v_amount bigint; v_owes bigint;
    v_id bigint;
BEGIN
    SELECT wallet.balance, wallet.held, wallet.seq, wallet.balance_max, wallet.plain,
        leg.wallet, leg.amount, leg.held, request.legs, request.plain
    INTO w_balance, w_held, w_seq, w_balance_max, w_plain, l_wallet, l_amount, l_held, r_legs,
        r_plain
    FROM (
        SELECT array_agg(s.balance ORDER BY s.i) AS balance, array_agg(s.held ORDER BY s.i) AS held,
            array_agg(s.seq ORDER BY s.i) AS seq,
            array_agg(a.balance_max ORDER BY s.i) AS balance_max,
            array_agg(s.status = 'open' AND d.owner_id IS NULL ORDER BY s.i) AS plain
        FROM unnest(p_wallets) WITH ORDINALITY AS s (asset, owner_id, balance, held, seq, status, i)
        -- An asset may have gone since the wallets were read; their places must not move for that.
        LEFT JOIN bursar.asset AS a ON a.asset = s.asset
        -- Without the LIMITs the planner may read whole tables that were small when it planned.
        LEFT JOIN LATERAL (SELECT o.owner_id FROM bursar.wallet AS o
            WHERE o.asset = s.asset || ':owed' AND o.owner_id = s.owner_id LIMIT 1) AS d ON true
    ) AS wallet, (
        -- No asset's name has a character below the separator, so the names are sorted as the
        -- wallets are, and the place of one is found by bisection.
        SELECT array_agg(CASE WHEN starts_with(t.owner_id, 'system:') THEN 0
                ELSE width_bucket((t.asset || E'\x1f' || t.owner_id) COLLATE "C", ARRAY(
                    SELECT s.asset || E'\x1f' || s.owner_id FROM unnest(p_wallets) AS s)) END
                ORDER BY t.i) AS wallet,
            array_agg(t.amount ORDER BY t.i) AS amount, array_agg(t.held ORDER BY t.i) AS held
        FROM unnest(p_legs) WITH ORDINALITY AS t (n, asset, owner_id, amount, held, bucket, i)
    ) AS leg, (
        SELECT array_agg(q.legs ORDER BY q.n) AS legs,
            array_agg(q.refusal IS NULL AND q.shortfall = 'refuse' AND q.new_status IS NULL
                AND k.claim IS NULL ORDER BY q.n) AS plain
        FROM unnest(p_requests) AS q
        LEFT JOIN LATERAL (SELECT o.claim FROM bursar.idempotency AS o
            WHERE o.claim = q.claim LIMIT 1) AS k ON true
    ) AS request;

    FOR n IN 1 .. cardinality(r_plain) LOOP
        v_first := v_next;
        v_next := v_next + r_legs[n];
        v_subject := NULL;
        IF r_plain[n] THEN
            FOR i IN v_first .. v_next - 1 LOOP
                w := l_wallet[i];
                CONTINUE WHEN w = 0;
                v_amount := w_balance[w] + l_amount[i];
                IF v_amount < w_held[w] OR v_amount > w_balance_max[w] OR l_held[i] <> 0
                    OR NOT w_plain[w]
                THEN
                    v_subject := NULL;
                    EXIT;
                END IF;
                v_subject := coalesce(v_subject, w);
            END LOOP;
        END IF;
        IF v_subject IS NOT NULL THEN
            r_first[n] := v_first;
            r_id[n] := nextval('bursar.transaction_id_seq');
            FOR i IN v_first .. v_next - 1 LOOP
                w := l_wallet[i];
                CONTINUE WHEN w = 0;
                w_balance[w] := w_balance[w] + l_amount[i];
                w_seq[w] := w_seq[w] + 1;
                l_after[i] := w_balance[w];
                l_seq[i] := w_seq[w];
            END LOOP;
            r_balance[n] := w_balance[v_subject];
            r_held[n] := w_held[v_subject];
            CONTINUE;
        END IF;

        -- Out of the ordinary.
        r := p_requests[n];
        r_plain[n] := false;
        r_id[n] := NULL;
        SELECT * INTO known FROM bursar.idempotency AS k WHERE k.claim = r.claim;
        IF known.claim IS NOT NULL THEN
            v_outcomes[n] := CASE WHEN known.fingerprint = r.fingerprint
                THEN bursar.replayed(known.outcome)
                ELSE bursar.refused(r.verb, 'IDEMPOTENCY_MISMATCH') END;
            CONTINUE;
        END IF;
        IF v_legs IS NULL THEN
            v_legs := ARRAY(SELECT t FROM unnest(p_legs) AS t);
            SELECT array_agg(s.status ORDER BY s.i), array_agg(coalesce(d.balance, 0) ORDER BY s.i),
                array_agg(coalesce(d.bursar_seq, 0) ORDER BY s.i),
                array_agg(a.debt_policy = 'repay_first' ORDER BY s.i)
            INTO w_status, w_owed, w_owed_seq, w_repays
            FROM unnest(p_wallets) WITH ORDINALITY
                AS s (asset, owner_id, balance, held, seq, status, i)
            LEFT JOIN bursar.asset AS a ON a.asset = s.asset
            LEFT JOIN LATERAL (SELECT o.balance, o.bursar_seq FROM bursar.wallet AS o
                WHERE o.asset = s.asset || ':owed' AND o.owner_id = s.owner_id LIMIT 1) AS d
                ON true;
        END IF;

        v_code := r.refusal;
        v_details := r.details;
        IF v_code IS NULL THEN
            FOR i IN v_first .. v_next - 1 LOOP
                w := l_wallet[i];
                CONTINUE WHEN w = 0;
                v_need := l_held[i] - l_amount[i];
                v_reason := bursar.reason_to_refuse(r.shortfall, r.new_status, v_need, l_amount[i],
                    w_status[w], w_balance[w], w_held[w], w_balance_max[w], w_owed[w]);
                -- Of several wallets' reasons the first in the order of precedence is told.
                CONTINUE WHEN v_reason IS NULL OR array_position(v_precedence, v_reason)
                    >= array_position(v_precedence, v_code);
                v_code := v_reason;
                v_details := jsonb_build_object(
                    'owner_id', v_legs[i].owner_id, 'asset', v_legs[i].asset);
                IF v_reason = 'INSUFFICIENT_FUNDS' THEN
                    v_details := v_details || jsonb_build_object(
                        'available', w_balance[w] - w_held[w], 'needed', v_need);
                ELSIF v_reason = 'WALLET_NOT_FOUND' THEN
                    w_sought[w] := true;
                END IF;
            END LOOP;
        END IF;

        IF v_code IS NOT NULL THEN
            v_outcomes[n] := bursar.refused(r.verb, v_code, v_details, p_sentences ->> v_code);
            r_remembered[n] := (SELECT remembered FROM bursar.refusal WHERE code = v_code);
            CONTINUE;
        END IF;

        -- A wallet that an earlier request did not find may be opened only after that refusal.
        IF w_sought IS NOT NULL AND EXISTS (
            SELECT FROM unnest(l_wallet[v_first:v_next - 1]) AS t (w) WHERE w_sought[t.w])
        THEN
            v_decided := n - 1;
            EXIT;
        END IF;

        v_id := nextval('bursar.transaction_id_seq');
        r_id[n] := v_id;
        v_transactions := v_transactions || ROW(v_id, r.verb, r.asset, r.owner_id, r.amount,
            r.reason, r.actor, r.corrects, r.hold_id, r.metadata, v_now)::bursar.transaction;
        v_line := 0;
        FOR i IN v_first .. v_next - 1 LOOP
            w := l_wallet[i];
            l := v_legs[i];
            v_amount := l.amount;
            IF w = 0 THEN
                v_line := v_line + 1;
                v_entries := v_entries || ROW(v_id, v_line, l.asset, l.owner_id, v_amount, NULL,
                    NULL, l.bucket)::bursar.entry;
                CONTINUE;
            END IF;
            IF w_status[w] = 'missing' THEN
                v_missing := v_missing || jsonb_build_object(
                    'asset', l.asset, 'owner_id', l.owner_id);
            END IF;
            IF v_subject IS NULL AND l.owner_id = r.owner_id THEN
                v_subject := w;
            END IF;

            -- What a debit cannot take becomes debt; what a credit brings repays it first.
            v_owes := 0;
            IF v_amount < 0 AND r.shortfall = 'debt' THEN
                v_owes := least(-v_amount,
                    greatest(0, l.held - v_amount - greatest(0, w_balance[w] - w_held[w])));
                v_amount := v_amount + v_owes;
            ELSIF v_amount > 0 AND w_owed[w] > 0 AND w_repays[w] THEN
                v_owes := -least(w_owed[w], v_amount);
            END IF;

            w_held[w] := w_held[w] + l.held;
            w_status[w] := coalesce(r.new_status, w_status[w]);
            IF v_amount <> 0 THEN
                v_line := v_line + 1;
                w_balance[w] := w_balance[w] + v_amount;
                w_seq[w] := w_seq[w] + 1;
                v_entries := v_entries || ROW(v_id, v_line, l.asset, l.owner_id, v_amount,
                    w_seq[w], w_balance[w], l.bucket)::bursar.entry;
            END IF;
            IF v_owes < 0 THEN
                v_line := v_line + 1;
                w_balance[w] := w_balance[w] + v_owes;
                w_seq[w] := w_seq[w] + 1;
                v_entries := v_entries || ROW(v_id, v_line, l.asset, l.owner_id, v_owes,
                    w_seq[w], w_balance[w], 'debt')::bursar.entry;
            END IF;
            IF v_owes <> 0 THEN
                w_owed[w] := w_owed[w] + v_owes;
                w_owed_seq[w] := w_owed_seq[w] + 1;
                w_owes[w] := true;
                v_entries := v_entries || ARRAY[
                    ROW(v_id, v_line + 1, l.asset, 'system:debt', -v_owes, NULL, NULL, 'debt'),
                    ROW(v_id, v_line + 2, l.asset || ':owed', l.owner_id, v_owes,
                        w_owed_seq[w], w_owed[w], 'debt'),
                    ROW(v_id, v_line + 3, l.asset || ':owed', 'system:debt', -v_owes,
                        NULL, NULL, 'debt')]::bursar.entry[];
                v_line := v_line + 3;
            END IF;
            w_plain[w] := w_status[w] = 'open' AND w_owed[w] = 0;
        END LOOP;

        v_outcomes[n] := bursar.done(v_id, r.verb, r.asset, r.owner_id, r.amount,
            w_balance[v_subject], w_held[v_subject], w_owed[v_subject], r.extra);
        r_remembered[n] := true;
    END LOOP;

    IF v_missing <> '[]' THEN
        -- Wallets that will be credited must be opened before any lock is taken: start over.
        RAISE EXCEPTION 'Wallets have to be opened first.'
            USING ERRCODE = 'UBX01', DETAIL = v_missing::text;
    END IF;

    SELECT request.outcomes, request.transactions || v_transactions, request.claims,
        leg.entries || v_entries, wallet.states, wallet.debts
    INTO v_plan.outcomes, v_plan.transactions, v_plan.claims, v_plan.entries, v_plan.wallets,
        v_plan.debts
    FROM (
        SELECT array_agg(o.outcome ORDER BY q.n) AS outcomes,
            array_agg(ROW(r_id[q.n], q.verb, q.asset, q.owner_id, q.amount, q.reason, q.actor,
                q.corrects, q.hold_id, q.metadata, v_now)::bursar.transaction ORDER BY q.n)
                FILTER (WHERE r_plain[q.n]) AS transactions,
            array_agg(ROW(q.claim, q.fingerprint, o.outcome, v_now)::bursar.idempotency)
                FILTER (WHERE q.claim IS NOT NULL AND (r_plain[q.n] OR r_remembered[q.n])) AS claims
        FROM unnest(p_requests) AS q
        CROSS JOIN LATERAL (SELECT CASE WHEN r_plain[q.n] THEN bursar.done(r_id[q.n], q.verb,
                q.asset, q.owner_id, q.amount, r_balance[q.n], r_held[q.n], 0, q.extra)
            ELSE v_outcomes[q.n] END AS outcome OFFSET 0) AS o
        WHERE q.n <= v_decided
    ) AS request, (
        SELECT array_agg(ROW(r_id[t.n], t.i - r_first[t.n] + 1, t.asset, t.owner_id, t.amount,
            l_seq[t.i], l_after[t.i], t.bucket)::bursar.entry ORDER BY t.i) AS entries
        FROM unnest(p_legs) WITH ORDINALITY AS t (n, asset, owner_id, amount, held, bucket, i)
        WHERE t.n <= v_decided AND r_plain[t.n]
    ) AS leg, (
        SELECT array_agg(ROW(s.asset, s.owner_id, w_balance[s.i], w_held[s.i], w_seq[s.i],
                coalesce(w_status[s.i], s.status))::bursar.wallet_state ORDER BY s.i)
                FILTER (WHERE w_seq[s.i] <> s.seq OR w_held[s.i] <> s.held
                    OR w_status[s.i] <> s.status) AS states,
            array_agg(ROW(s.asset || ':owed', s.owner_id, w_owed[s.i], 0, w_owed_seq[s.i], 'open')
                ::bursar.wallet_state ORDER BY s.i) FILTER (WHERE w_owes[s.i]) AS debts
        FROM unnest(p_wallets) WITH ORDINALITY AS s (asset, owner_id, balance, held, seq, status, i)
    ) AS wallet;
    v_plan.transaction_ids := r_id;
    RETURN v_plan;
END
$$;

COMMENT ON FUNCTION bursar.decide(
    bursar.wallet_state[], bursar.request[], bursar.leg[], jsonb
) IS 'Decides a batch over locked wallets; writes nothing.';
REVOKE ALL ON FUNCTION bursar.decide(
    bursar.wallet_state[], bursar.request[], bursar.leg[], jsonb
) FROM PUBLIC, anon, authenticated;
