-- requires: ledger/value_shape.sql
-- What the events of a payment come to. Every fact is a function of the set of events: whether one
-- is among them, the largest refund that was told, the disputes that were withdrawn and not given
-- back. So it does not matter in which order events came, nor how often.
--
--   paid        completed and paid, or paid later
--   failed      the method that pays later did not
--   expired     the session ended without a payment
--   refunded    the largest amount_refunded: Stripe tells the sum so far
--   disputed    what disputes withdrew and did not reinstate
--   lost        of it, what was decided against us; a dispute that was lost stays lost, and what is
--               reinstated of it had been refunded before
--
-- Source: https://docs.stripe.com/checkout/fulfillment and https://docs.stripe.com/disputes.
CREATE OR REPLACE FUNCTION bursar.card_facts(p public.card_payments) RETURNS bursar.card_facts
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_facts bursar.card_facts;
BEGIN
    WITH event AS (
        SELECT i.type, i.payload #> '{data,object}' AS object
        -- Without the OFFSET a plan made while the inbox had one row may look for the provider, and
        -- read all of its events.
        FROM (SELECT * FROM bursar.inbox
            WHERE subject = ANY (ARRAY[p.id::text, p.session_id, p.payment_intent]) OFFSET 0) AS i
        WHERE i.provider = 'stripe' AND i.mode = p.mode
    ), fact AS (
        SELECT e.type, e.object,
            e.type = 'checkout.session.completed' AS completed,
            e.type = 'checkout.session.completed'
                AND e.object ->> 'payment_status' IN ('paid', 'no_payment_required')
                OR e.type = 'checkout.session.async_payment_succeeded' AS pays,
            coalesce(e.object -> 'amount_total', to_jsonb(p.amount)) = to_jsonb(p.amount)
                AND coalesce(e.object ->> 'currency', p.currency) = p.currency AS matches
        FROM event AS e
    ), dispute AS (
        SELECT max(CASE WHEN bursar.is_whole(f.object -> 'amount', 0, 1000000000000000)
                THEN (f.object ->> 'amount')::bigint ELSE 0 END) AS amount,
            bool_or(f.type = 'charge.dispute.closed' AND f.object ->> 'status' = 'lost') AS lost
        FROM fact AS f
        WHERE f.type LIKE 'charge.dispute.%'
        GROUP BY f.object ->> 'id'
        HAVING bool_or(f.type = 'charge.dispute.funds_withdrawn')
            AND (NOT bool_or(f.type = 'charge.dispute.funds_reinstated')
                OR bool_or(f.type = 'charge.dispute.closed' AND f.object ->> 'status' = 'lost'))
    )
    SELECT coalesce(bool_or(f.pays AND f.matches), false),
        coalesce(bool_or(f.type = 'checkout.session.async_payment_failed'), false),
        coalesce(bool_or(f.type = 'checkout.session.expired'), false),
        coalesce(bool_or(f.completed AND NOT f.pays), false),
        coalesce(bool_or(f.pays AND NOT f.matches), false),
        coalesce(max(CASE WHEN f.type = 'charge.refunded'
            AND bursar.is_whole(f.object -> 'amount_refunded', 0, 1000000000000000)
            THEN (f.object ->> 'amount_refunded')::bigint END), 0),
        (SELECT coalesce(sum(d.amount), 0) FROM dispute AS d),
        (SELECT coalesce(sum(d.amount), 0) FROM dispute AS d WHERE d.lost)
    INTO v_facts.paid, v_facts.failed, v_facts.expired, v_facts.awaited, v_facts.mismatched,
        v_facts.refunded, v_facts.disputed, v_facts.lost
    FROM fact AS f;
    RETURN v_facts;
END
$$;

COMMENT ON FUNCTION bursar.card_facts(public.card_payments) IS
    'What the events of a card payment come to, whatever their order.';
REVOKE ALL ON FUNCTION bursar.card_facts(public.card_payments) FROM PUBLIC, anon, authenticated;
