-- requires: ledger/refused.sql
-- requires: ledger/done.sql
-- Decides a batch as if its requests ran one after the other, in order, over wallets that are
-- locked. Everything is decided here, overflow included, before the first row is written. Order of
-- reasons to refuse: a known key, what the verb found (`refusal`), BUSY, WALLET_NOT_FOUND,
-- WALLET_CLOSED, WALLET_FROZEN, WALLET_NOT_EMPTY, INSUFFICIENT_FUNDS, BALANCE_LIMIT. Requests
-- behind the last outcome are not decided yet: they belong into another call.
--
-- `p_wallets` are in lock order, each once, and hold every wallet named by a leg. `p_legs` are
-- sorted by request. System wallets have no row, so their legs only become entries.
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
    v_now timestamptz := bursar.clock();
    -- Wallets, by place in the lock order.
    w_balance bigint[]; w_held bigint[]; w_seq bigint[]; w_status text[]; w_balance_max bigint[];
    w_owed bigint[]; w_owed_seq bigint[]; w_repays boolean[];
    w_changed boolean[]; w_owed_changed boolean[]; w_sought boolean[];
    -- Legs; l_wallet is the place of the leg's wallet, NULL for a system wallet.
    l_wallet integer[]; l_asset text[]; l_owner_id text[]; l_amount bigint[]; l_held bigint[];
    l_bucket text[];
    -- Outcomes that are known, by place of the request.
    k_fingerprint bytea[]; k_outcome jsonb[];
    -- What will be written.
    v_outcomes jsonb[]; v_transactions bursar.transaction[]; v_entries bursar.entry[];
    v_claims bursar.idempotency[]; v_missing jsonb := '[]';
    v_plan bursar.plan;
    v_precedence CONSTANT text[] := ARRAY['BUSY', 'WALLET_NOT_FOUND', 'WALLET_CLOSED',
        'WALLET_FROZEN', 'WALLET_NOT_EMPTY', 'INSUFFICIENT_FUNDS', 'BALANCE_LIMIT'];
    r bursar.request;
    w integer;
    v_next integer := 1; v_first integer; v_subject integer; v_line smallint;
    v_code text; v_details jsonb; v_reason text; v_need bigint; v_amount bigint; v_owes bigint;
    v_id bigint; v_outcome jsonb;
BEGIN
    SELECT array_agg(s.balance ORDER BY i), array_agg(s.held ORDER BY i),
        array_agg(s.seq ORDER BY i), array_agg(s.status ORDER BY i),
        array_agg(a.balance_max ORDER BY i), array_agg(coalesce(d.balance, 0) ORDER BY i),
        array_agg(coalesce(d.bursar_seq, 0) ORDER BY i),
        array_agg(a.debt_policy = 'repay_first' ORDER BY i)
    INTO w_balance, w_held, w_seq, w_status, w_balance_max, w_owed, w_owed_seq, w_repays
    FROM unnest(p_wallets) WITH ORDINALITY AS s (asset, owner_id, balance, held, seq, status, i)
    JOIN bursar.asset AS a ON a.asset = s.asset
    LEFT JOIN LATERAL (SELECT o.balance, o.bursar_seq FROM bursar.wallet AS o
        WHERE o.asset = s.asset || ':owed' AND o.owner_id = s.owner_id LIMIT 1) AS d ON true;

    -- The place of a leg's wallet is its rank among all that are locked; system wallets come last
    -- and have none.
    SELECT array_agg(CASE WHEN leg.owner_id NOT LIKE 'system:%' THEN leg.wallet END ORDER BY leg.i),
        array_agg(leg.asset ORDER BY leg.i), array_agg(leg.owner_id ORDER BY leg.i),
        array_agg(leg.amount ORDER BY leg.i), array_agg(leg.held ORDER BY leg.i),
        array_agg(leg.bucket ORDER BY leg.i)
    INTO l_wallet, l_asset, l_owner_id, l_amount, l_held, l_bucket
    FROM (
        SELECT a.*, dense_rank() OVER (ORDER BY a.owner_id LIKE 'system:%',
            a.asset COLLATE "C", a.owner_id COLLATE "C") AS wallet
        FROM (
            SELECT l.* FROM unnest(p_legs) WITH ORDINALITY AS l (n, asset, owner_id, amount, held,
                bucket, i)
            UNION ALL
            SELECT NULL, w.asset, w.owner_id, NULL, NULL, NULL, NULL FROM unnest(p_wallets) AS w
        ) AS a
    ) AS leg
    WHERE leg.i IS NOT NULL;

    SELECT array_agg(known.fingerprint ORDER BY q.n), array_agg(known.outcome ORDER BY q.n)
    INTO k_fingerprint, k_outcome
    FROM unnest(p_requests) AS q
    -- Without the LIMIT the planner may read the whole table where it was small when it planned.
    LEFT JOIN LATERAL (SELECT i.fingerprint, i.outcome FROM bursar.idempotency AS i
        WHERE i.claim = q.claim LIMIT 1) AS known ON true;

    FOREACH r IN ARRAY p_requests LOOP
        v_first := v_next;
        v_next := v_next + r.legs;
        IF k_outcome[r.n] IS NOT NULL THEN
            v_outcomes[r.n] := CASE WHEN k_fingerprint[r.n] = r.fingerprint
                THEN k_outcome[r.n] || '{"replayed": true}'
                ELSE bursar.refused(r.verb, 'IDEMPOTENCY_MISMATCH') END;
            CONTINUE;
        END IF;

        v_code := r.refusal;
        v_details := r.details;
        IF v_code IS NULL THEN
            FOR i IN v_first .. v_next - 1 LOOP
                w := l_wallet[i];
                CONTINUE WHEN w IS NULL;
                v_need := l_held[i] - l_amount[i];
                v_reason := CASE
                    WHEN w_status[w] = 'busy' THEN 'BUSY'
                    WHEN w_status[w] = 'missing' AND r.new_status IS NOT NULL
                        THEN 'WALLET_NOT_FOUND'
                    WHEN w_status[w] = 'closed' AND r.new_status IS NULL THEN 'WALLET_CLOSED'
                    WHEN w_status[w] = 'frozen' AND v_need > 0 AND r.shortfall = 'refuse'
                        THEN 'WALLET_FROZEN'
                    WHEN r.new_status = 'closed' AND (w_balance[w] > 0 OR w_owed[w] > 0)
                        THEN 'WALLET_NOT_EMPTY'
                    WHEN v_need > greatest(0, w_balance[w] - w_held[w]) AND r.shortfall = 'refuse'
                        THEN 'INSUFFICIENT_FUNDS'
                    WHEN l_amount[i] > w_balance_max[w] - w_balance[w] THEN 'BALANCE_LIMIT'
                    WHEN r.shortfall = 'debt' AND v_need > 1000000000000000000 - w_owed[w]
                        THEN 'BALANCE_LIMIT'
                END;
                -- Of several wallets' reasons the first in the order of precedence is told.
                CONTINUE WHEN v_reason IS NULL OR array_position(v_precedence, v_reason)
                    >= array_position(v_precedence, v_code);
                v_code := v_reason;
                v_details := jsonb_build_object('owner_id', l_owner_id[i], 'asset', l_asset[i]);
                IF v_reason = 'INSUFFICIENT_FUNDS' THEN
                    v_details := v_details || jsonb_build_object(
                        'available', w_balance[w] - w_held[w], 'needed', v_need);
                ELSIF v_reason = 'WALLET_NOT_FOUND' THEN
                    w_sought[w] := true;
                END IF;
            END LOOP;
        END IF;

        IF v_code IS NOT NULL THEN
            v_outcome := bursar.refused(r.verb, v_code, v_details, p_sentences ->> v_code);
            v_outcomes[r.n] := v_outcome;
            IF r.claim IS NOT NULL
                AND (SELECT remembered FROM bursar.refusal WHERE code = v_code)
            THEN
                v_claims := v_claims
                    || ROW(r.claim, r.fingerprint, v_outcome, v_now)::bursar.idempotency;
            END IF;
            CONTINUE;
        END IF;

        -- A wallet that an earlier request did not find may be opened only after that refusal.
        EXIT WHEN w_sought IS NOT NULL
            AND EXISTS (SELECT FROM unnest(l_wallet[v_first:v_next - 1]) AS l (w)
                WHERE w_sought[l.w]);

        v_id := nextval('bursar.transaction_id_seq');
        v_transactions := v_transactions || ROW(v_id, r.verb, r.asset, r.owner_id, r.amount,
            r.reason, r.actor, r.corrects, r.hold_id, r.metadata, v_now)::bursar.transaction;
        v_line := 0;
        v_subject := NULL;
        FOR i IN v_first .. v_next - 1 LOOP
            w := l_wallet[i];
            v_amount := l_amount[i];
            IF w IS NULL THEN
                v_line := v_line + 1;
                v_entries := v_entries || ROW(v_id, v_line, l_asset[i], l_owner_id[i], v_amount,
                    NULL, NULL, l_bucket[i])::bursar.entry;
                CONTINUE;
            END IF;
            IF w_status[w] = 'missing' THEN
                v_missing := v_missing || jsonb_build_object(
                    'asset', l_asset[i], 'owner_id', l_owner_id[i]);
            END IF;
            IF v_subject IS NULL AND l_owner_id[i] = r.owner_id THEN
                v_subject := w;
            END IF;

            -- What a debit cannot take becomes debt; what a credit brings repays it first.
            v_owes := 0;
            IF v_amount < 0 AND r.shortfall = 'debt' THEN
                v_owes := least(-v_amount,
                    greatest(0, l_held[i] - v_amount - greatest(0, w_balance[w] - w_held[w])));
                v_amount := v_amount + v_owes;
            ELSIF v_amount > 0 AND w_owed[w] > 0 AND w_repays[w] THEN
                v_owes := -least(w_owed[w], v_amount);
            END IF;

            w_changed[w] := true;
            w_held[w] := w_held[w] + l_held[i];
            w_status[w] := coalesce(r.new_status, w_status[w]);
            IF v_amount <> 0 THEN
                v_line := v_line + 1;
                w_balance[w] := w_balance[w] + v_amount;
                w_seq[w] := w_seq[w] + 1;
                v_entries := v_entries || ROW(v_id, v_line, l_asset[i], l_owner_id[i], v_amount,
                    w_seq[w], w_balance[w], l_bucket[i])::bursar.entry;
            END IF;
            IF v_owes < 0 THEN
                v_line := v_line + 1;
                w_balance[w] := w_balance[w] + v_owes;
                w_seq[w] := w_seq[w] + 1;
                v_entries := v_entries || ROW(v_id, v_line, l_asset[i], l_owner_id[i], v_owes,
                    w_seq[w], w_balance[w], 'debt')::bursar.entry;
            END IF;
            IF v_owes <> 0 THEN
                w_owed_changed[w] := true;
                w_owed[w] := w_owed[w] + v_owes;
                w_owed_seq[w] := w_owed_seq[w] + 1;
                v_entries := v_entries || ARRAY[
                    ROW(v_id, v_line + 1, l_asset[i], 'system:debt', -v_owes, NULL, NULL, 'debt'),
                    ROW(v_id, v_line + 2, l_asset[i] || ':owed', l_owner_id[i], v_owes,
                        w_owed_seq[w], w_owed[w], 'debt'),
                    ROW(v_id, v_line + 3, l_asset[i] || ':owed', 'system:debt', -v_owes,
                        NULL, NULL, 'debt')]::bursar.entry[];
                v_line := v_line + 3;
            END IF;
        END LOOP;

        v_outcome := bursar.done(
            v_id, r, w_balance[v_subject], w_held[v_subject], w_owed[v_subject]);
        v_outcomes[r.n] := v_outcome;
        IF r.claim IS NOT NULL THEN
            v_claims := v_claims
                || ROW(r.claim, r.fingerprint, v_outcome, v_now)::bursar.idempotency;
        END IF;
    END LOOP;

    IF v_missing <> '[]' THEN
        -- Wallets that will be credited must be opened before any lock is taken: start over.
        RAISE EXCEPTION 'Wallets have to be opened first.'
            USING ERRCODE = 'UBX01', DETAIL = v_missing::text;
    END IF;

    v_plan.outcomes := v_outcomes;
    v_plan.transactions := v_transactions;
    v_plan.entries := v_entries;
    v_plan.claims := v_claims;
    SELECT array_agg(ROW(s.asset, s.owner_id, w_balance[i], w_held[i], w_seq[i], w_status[i])
            ::bursar.wallet_state ORDER BY i) FILTER (WHERE w_changed[i]),
        array_agg(ROW(s.asset || ':owed', s.owner_id, w_owed[i], 0, w_owed_seq[i], 'open')
            ::bursar.wallet_state ORDER BY i) FILTER (WHERE w_owed_changed[i])
    INTO v_plan.wallets, v_plan.debts
    FROM unnest(p_wallets) WITH ORDINALITY AS s (asset, owner_id, balance, held, seq, status, i);
    RETURN v_plan;
END
$$;

COMMENT ON FUNCTION bursar.decide(
    bursar.wallet_state[], bursar.request[], bursar.leg[], jsonb
) IS 'Decides a batch over locked wallets; writes nothing.';
REVOKE ALL ON FUNCTION bursar.decide(
    bursar.wallet_state[], bursar.request[], bursar.leg[], jsonb
) FROM PUBLIC, anon, authenticated;
