-- requires: ledger/post.sql
-- requires: ledger/lock_wallets.sql
-- What a card payment moves in the ledger. Money from outside becomes credits of those who are
-- paid; reversals take them back, in proportion, and reinstatements pay again.
--
-- Payouts lie end to end, in the order of their places. What is reversed eats along them from the
-- start, so what each payee has lost depends on the sum alone, not on the steps that led to it; of
-- a payout the platform's fee shrinks with it, rounded down. What a payee no longer has becomes
-- debt.

-- How much of a payout is reversed when so much of all is: the payee's part and the fee's.
CREATE OR REPLACE FUNCTION bursar.reversed_part(
    p_reversed bigint, p_before bigint, p_credits bigint, p_fee bigint
) RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_gross CONSTANT bigint := least(greatest(p_reversed - p_before, 0), p_credits);
    v_fee CONSTANT bigint := floor(p_fee::numeric * v_gross / p_credits);
BEGIN
    RETURN ARRAY[v_gross - v_fee, v_fee];
END
$$;

COMMENT ON FUNCTION bursar.reversed_part(bigint, bigint, bigint, bigint) IS
    'How much of a payout is reversed: the payee''s part and the fee''s.';
REVOKE ALL ON FUNCTION bursar.reversed_part(bigint, bigint, bigint, bigint)
    FROM PUBLIC, anon, authenticated;

-- Posts one transaction for each payee, over wallets that are locked. `p_nets` and `p_fees` are
-- what payees and platform get; negative where it is taken back. Answers the transactions.
CREATE OR REPLACE FUNCTION bursar.pay_out(
    p_verb text, p_bucket text, p_reason text, p_actor text, p_workspace_ids uuid[],
    p_nets bigint[], p_fees bigint[], p_corrects bigint[]
) RETURNS bigint[]
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_asset CONSTANT text := 'workspace_credit';
    v_wallets bursar.wallet_state[];
    v_requests bursar.request[];
    v_legs bursar.leg[];
    v_posted bursar.posted;
BEGIN
    v_wallets := bursar.lock_wallets_of(v_asset, p_workspace_ids::text[], true);
    SELECT array_agg(ROW(t.n, 1 + (t.net <> 0)::integer + (t.fee <> 0)::integer, p_verb, v_asset,
            t.workspace_id::text, abs(coalesce(nullif(t.net, 0), t.fee)), p_reason, p_actor,
            t.corrects, NULL, NULL, NULL, NULL,
            CASE WHEN t.net < 0 THEN 'debt' ELSE 'refuse' END, NULL, NULL, NULL, NULL
            )::bursar.request ORDER BY t.n)
    INTO v_requests
    FROM unnest(p_workspace_ids, p_nets, p_fees, p_corrects) WITH ORDINALITY
        AS t (workspace_id, net, fee, corrects, n);
    SELECT array_agg(ROW(t.n, v_asset, l.owner_id, l.amount, 0, CASE
            -- As in a purchase for credits.
            WHEN l.place = 2 AND p_corrects IS NULL THEN 'fee' ELSE p_bucket END)::bursar.leg
        ORDER BY t.n, l.place)
    INTO v_legs
    FROM unnest(p_workspace_ids, p_nets, p_fees) WITH ORDINALITY AS t (workspace_id, net, fee, n)
    CROSS JOIN LATERAL (VALUES (1, t.workspace_id::text, t.net), (2, 'system:fees', t.fee),
        (3, 'system:external', -t.net - t.fee)) AS l (place, owner_id, amount)
    WHERE l.amount <> 0;
    v_posted := bursar.post(v_wallets, v_requests, v_legs);
    IF EXISTS (SELECT FROM unnest(v_posted.outcomes) AS o WHERE o ->> 'status' <> 'done')
        OR cardinality(v_posted.outcomes) < cardinality(p_workspace_ids)
    THEN
        RAISE EXCEPTION 'A card payment could not be posted: %', v_posted.outcomes;
    END IF;
    RETURN v_posted.transaction_ids;
END
$$;

COMMENT ON FUNCTION bursar.pay_out(
    text, text, text, text, uuid[], bigint[], bigint[], bigint[]
) IS 'Posts what payees get from a card payment, or give back.';
REVOKE ALL ON FUNCTION bursar.pay_out(
    text, text, text, text, uuid[], bigint[], bigint[], bigint[]
) FROM PUBLIC, anon, authenticated;

-- Brings what is reversed of a payment's payouts to `p_reversed` credits, up or down.
CREATE OR REPLACE FUNCTION bursar.reverse_payouts(
    p public.card_payments, p_reversed bigint, p_actor text
) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_more CONSTANT boolean := p_reversed > p.reversed;
    v_workspace_ids uuid[];
    v_nets bigint[];
    v_fees bigint[];
    v_corrects bigint[];
    v_ids bigint[];
BEGIN
    SELECT array_agg(o.workspace_id ORDER BY o.place),
        array_agg(d.was[1] - d.now[1] ORDER BY o.place),
        array_agg(d.was[2] - d.now[2] ORDER BY o.place),
        array_agg(o.transaction_id ORDER BY o.place)
    INTO v_workspace_ids, v_nets, v_fees, v_corrects
    FROM (SELECT *, (sum(credits) OVER (ORDER BY place) - credits)::bigint AS before
        FROM public.card_payouts WHERE payment_id = p.id) AS o
    CROSS JOIN LATERAL (SELECT
        bursar.reversed_part(p.reversed, o.before, o.credits, o.fee) AS was,
        bursar.reversed_part(p_reversed, o.before, o.credits, o.fee) AS now) AS d
    WHERE d.was <> d.now;
    IF v_workspace_ids IS NOT NULL THEN
        v_ids := bursar.pay_out(
            CASE WHEN v_more THEN 'reverse_card_payment' ELSE 'reinstate_card_payment' END,
            CASE WHEN v_more THEN 'refund' ELSE 'reinstated' END,
            'card payment ' || p.id, p_actor, v_workspace_ids, v_nets, v_fees, v_corrects);
    END IF;
    UPDATE public.card_payments SET reversed = p_reversed WHERE id = p.id;
    RETURN true;
END
$$;

COMMENT ON FUNCTION bursar.reverse_payouts(public.card_payments, bigint, text) IS
    'Takes back, or pays again, what payees got from a card payment.';
REVOKE ALL ON FUNCTION bursar.reverse_payouts(public.card_payments, bigint, text)
    FROM PUBLIC, anon, authenticated;
