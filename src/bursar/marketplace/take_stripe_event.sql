-- requires: ledger/carry.sql
-- requires: marketplace/workspace_credit.sql
-- requires: marketplace/read_stripe_events.sql
-- requires: marketplace/lock_card_payments.sql
-- requires: marketplace/settle_card_payment.sql
-- take_stripe_event: puts an event of Stripe into the inbox and carries out what follows from it,
-- in one transaction. The same event again answers the first outcome. An event whose payment is not
-- known yet is kept: once another one tells, all of them count.
--
-- Fields: event (the object as Stripe sent it, its signature verified), [key], [principal],
-- [actor].
-- Outcome: event_id, type, effect (applied; mismatched: another amount than was asked for;
-- unmatched: no payment of ours, or not known yet; ignored: of no consequence), payment_id,
-- purchase_id, payment_status, purchase_status.
-- Refusals, in order: DEGRADED, MALFORMED, BUSY, WALLET_CLOSED (the event is kept, and can be
-- replayed).
-- Locks: the payment intents that are named, so that what one event tells about another is not
-- missed; the wallets of those who are paid; purchases; payments; leads.
CREATE OR REPLACE FUNCTION bursar.take_stripe_event_batch(p_requests jsonb, p_wait boolean)
RETURNS json[]
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_in bursar.card_event[];
    v_barred jsonb;
    e bursar.card_event;
BEGIN
    -- Events are carried out one by one: what one tells of a payment may be what the next one needs
    -- to find it, and who is paid may have no wallet yet. What any of them needs is locked at the
    -- first.
    PERFORM bursar.lock_payment_intents(ARRAY(
        SELECT q #>> '{event,data,object,payment_intent}'
        FROM jsonb_array_elements(p_requests) AS q));
    v_in := bursar.read_stripe_events(p_requests);
    v_barred := bursar.lock_card_payments(ARRAY(
        SELECT DISTINCT q.payment_id FROM unnest(v_in) AS q WHERE q.refusal IS NULL), p_wait);
    e := v_in[1];
    RETURN ARRAY[CASE
        WHEN e.refusal IS NOT NULL THEN bursar.refused('take_stripe_event', e.refusal, e.details)
        WHEN v_barred ->> e.payment_id::text = 'BUSY'
            THEN bursar.refused('take_stripe_event', 'BUSY')
        ELSE bursar.take_one_stripe_event(e, v_barred ->> e.payment_id::text,
            coalesce(p_requests -> 0 ->> 'actor', 'stripe')) END];
END
$$;

COMMENT ON FUNCTION bursar.take_stripe_event_batch(jsonb, boolean) IS
    'Handler of take_stripe_event.';
REVOKE ALL ON FUNCTION bursar.take_stripe_event_batch(jsonb, boolean)
    FROM PUBLIC, anon, authenticated;

-- One event, under the locks. `p_barred` is the code that keeps its payment from being settled.
CREATE OR REPLACE FUNCTION bursar.take_one_stripe_event(
    e bursar.card_event, p_barred text, p_actor text
) RETURNS json
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_now CONSTANT timestamptz := bursar.clock();
    v_relevant CONSTANT boolean := e.type LIKE 'checkout.session.%'
        OR e.type IN ('charge.refunded', 'charge.dispute.funds_withdrawn',
            'charge.dispute.funds_reinstated', 'charge.dispute.closed');
    v_known bursar.inbox;
    v_outcome json;
    v_settled boolean;
BEGIN
    UPDATE bursar.inbox SET deliveries = deliveries + 1
    WHERE provider = 'stripe' AND account = e.account AND mode = e.mode AND event_id = e.event_id
    RETURNING * INTO v_known;
    IF v_known.status = 'done' THEN
        RETURN bursar.replayed(v_known.outcome);
    ELSIF v_known.status IS NULL THEN
        INSERT INTO bursar.inbox (provider, account, mode, event_id, type, subject, payload,
            occurred_at, received_at, status)
        VALUES ('stripe', e.account, e.mode, e.event_id, e.type,
            CASE WHEN v_relevant
                THEN coalesce(e.payment_id::text, e.session_id, e.payment_intent) END,
            e.payload, e.occurred_at, v_now, 'waiting')
        ON CONFLICT (provider, account, mode, event_id) DO NOTHING;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'The event was taken meanwhile.' USING ERRCODE = 'UBX02';
        END IF;
    END IF;

    IF v_relevant AND e.payment_id IS NOT NULL THEN
        -- What another payment is known by stays its own, whatever this event says.
        UPDATE public.card_payments AS p
        SET payment_intent = CASE WHEN p.payment_intent IS NULL AND NOT EXISTS (
                SELECT FROM public.card_payments AS o WHERE o.payment_intent = e.payment_intent)
                THEN e.payment_intent ELSE p.payment_intent END,
            session_id = CASE WHEN p.session_id IS NULL AND NOT EXISTS (
                SELECT FROM public.card_payments AS o WHERE o.session_id = e.session_id)
                THEN e.session_id ELSE p.session_id END
        WHERE p.id = e.payment_id AND (p.payment_intent IS NULL OR p.session_id IS NULL);
        IF p_barred IS NULL THEN
            v_settled := bursar.settle_card_payment(e.payment_id, p_actor);
        END IF;
    END IF;
    v_outcome := CASE WHEN v_relevant AND p_barred IS NOT NULL
        THEN bursar.refused('take_stripe_event', p_barred,
            jsonb_build_object('event_id', e.event_id, 'payment_id', e.payment_id))
        ELSE bursar.card_outcome(e, v_relevant) END;
    UPDATE bursar.inbox SET outcome = v_outcome, handled_at = v_now,
        status = CASE v_outcome ->> 'status' WHEN 'done' THEN 'done' ELSE 'refused' END
    WHERE provider = 'stripe' AND account = e.account AND mode = e.mode AND event_id = e.event_id;
    RETURN v_outcome;
END
$$;

COMMENT ON FUNCTION bursar.take_one_stripe_event(bursar.card_event, text, text) IS
    'Takes one event of Stripe, under the locks of its payment.';
REVOKE ALL ON FUNCTION bursar.take_one_stripe_event(bursar.card_event, text, text)
    FROM PUBLIC, anon, authenticated;

-- What became of an event, as an outcome.
CREATE OR REPLACE FUNCTION bursar.card_outcome(e bursar.card_event, p_relevant boolean)
RETURNS json
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    p public.card_payments;
    v_mismatched boolean := false;
BEGIN
    SELECT * INTO p FROM public.card_payments WHERE id = e.payment_id;
    IF p_relevant AND p.id IS NOT NULL THEN
        v_mismatched := (bursar.card_facts(p)).mismatched AND p.paid_at IS NULL;
    END IF;
    RETURN json_build_object('status', 'done', 'verb', 'take_stripe_event',
        'event_id', e.event_id, 'type', e.type,
        'effect', CASE WHEN NOT p_relevant THEN 'ignored' WHEN p.id IS NULL THEN 'unmatched'
            WHEN v_mismatched THEN 'mismatched' ELSE 'applied' END,
        'payment_id', p.id, 'purchase_id', p.purchase_id, 'payment_status', p.status,
        'purchase_status', (SELECT b.status FROM public.marketplace_purchases AS b
            WHERE b.id = p.purchase_id),
        'replayed', false);
END
$$;

COMMENT ON FUNCTION bursar.card_outcome(bursar.card_event, boolean) IS
    'What became of an event of Stripe, as an outcome.';
REVOKE ALL ON FUNCTION bursar.card_outcome(bursar.card_event, boolean)
    FROM PUBLIC, anon, authenticated;

SELECT bursar.build_handlers();

CREATE OR REPLACE FUNCTION bursar.take_stripe_event(p_requests jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN bursar.carry('take_stripe_event', p_requests)::jsonb;
END
$$;

COMMENT ON FUNCTION bursar.take_stripe_event(jsonb) IS 'Takes events of Stripe; a batch.';
REVOKE ALL ON FUNCTION bursar.take_stripe_event(jsonb) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.take_stripe_event(jsonb) TO service_role, bursar_service;
