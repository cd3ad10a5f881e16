-- requires: marketplace/card_facts.sql
-- requires: marketplace/count_sales.sql
-- requires: marketplace/own_reservations.sql
-- requires: marketplace/state_purchase.sql
-- requires: marketplace/pay_out.sql
-- Brings a card payment, its purchase and its leads to where its events say they are. Called under
-- the locks of bursar.lock_card_payments, after an event was added to the inbox; called again
-- without a new event it changes nothing.
--
-- The purchase's status, by precedence:
--   refunded    all the money went back, by refunds or by disputes that were lost
--   completed   paid, and at least one lead was had
--   failed      paid and no lead was to be had; or the method that pays later failed; or given up
--   expired     the session ended, or the reservation did
--   pending     none of these
CREATE OR REPLACE FUNCTION bursar.settle_card_payment(p_id uuid, p_actor text) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_now CONSTANT timestamptz := bursar.clock();
    p public.card_payments;
    f bursar.card_facts;
    v_granted bigint;
    v_due bigint;
    v_back bigint;
    v_target bigint;
    v_returned boolean;
    v_written boolean;
BEGIN
    SELECT * INTO STRICT p FROM public.card_payments WHERE id = p_id;
    f := bursar.card_facts(p);
    IF f.paid AND p.paid_at IS NULL THEN
        v_written := CASE WHEN p.purchase_id IS NULL THEN bursar.grant_top_up(p, p_actor)
            ELSE bursar.sell_paid_leads(p, p_actor) END;
        SELECT * INTO STRICT p FROM public.card_payments WHERE id = p_id;
    END IF;

    IF p.owed > 0 THEN
        v_written := bursar.settle_card_debt(p, f, p_actor);
    END IF;
    -- A refund, or a dispute that was lost, first covers what was owed for leads that were gone.
    -- The rest, and what open disputes hold, is taken back from those who were paid, in proportion
    -- to the money.
    v_granted := (SELECT coalesce(sum(credits), 0) FROM public.card_payouts
        WHERE payment_id = p.id);
    v_due := p.amount - p.owed;
    v_back := least(v_due, greatest(0, f.refunded + f.lost - p.owed) + f.disputed - f.lost);
    v_target := CASE WHEN v_due > 0 THEN floor(v_granted::numeric * v_back / v_due) ELSE 0 END;
    IF v_target <> p.reversed THEN
        v_written := bursar.reverse_payouts(p, v_target, p_actor);
    END IF;

    v_returned := p.paid_at IS NOT NULL AND f.refunded + f.lost >= p.amount;
    UPDATE public.card_payments SET refunded = f.refunded, disputed = f.disputed,
        status = CASE WHEN v_returned THEN 'refunded' WHEN p.paid_at IS NOT NULL THEN 'paid'
            WHEN f.failed THEN 'failed' WHEN f.expired THEN 'expired' ELSE status END
    WHERE id = p.id;
    IF p.purchase_id IS NOT NULL THEN
        v_written := bursar.state_purchase(p.purchase_id, CASE
            WHEN v_returned THEN 'refunded'
            WHEN p.paid_at IS NOT NULL THEN CASE WHEN v_granted > 0 THEN 'completed'
                ELSE 'failed' END
            WHEN f.failed THEN 'failed'
            WHEN f.expired THEN 'expired' END, f.awaited);
    END IF;
    RETURN true;
END
$$;

COMMENT ON FUNCTION bursar.settle_card_payment(uuid, text) IS
    'Brings a card payment, its purchase and its leads to where its events say they are.';
REVOKE ALL ON FUNCTION bursar.settle_card_payment(uuid, text) FROM PUBLIC, anon, authenticated;

-- A paid top-up: the credits, once.
CREATE OR REPLACE FUNCTION bursar.grant_top_up(p public.card_payments, p_actor text)
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_ids CONSTANT bigint[] := bursar.pay_out('top_up_workspace_credits', 'purchased',
        'card payment ' || p.id, p_actor, ARRAY[p.workspace_id], ARRAY[p.credits], ARRAY[0::bigint],
        NULL);
BEGIN
    INSERT INTO public.card_payouts
    VALUES (p.id, 1, p.workspace_id, p.credits, 0, v_ids[1]);
    UPDATE public.card_payments SET paid_at = bursar.clock() WHERE id = p.id;
    RETURN true;
END
$$;

COMMENT ON FUNCTION bursar.grant_top_up(public.card_payments, text) IS
    'Grants the credits of a top-up that was paid.';
REVOKE ALL ON FUNCTION bursar.grant_top_up(public.card_payments, text)
    FROM PUBLIC, anon, authenticated;

-- A paid purchase: what is reserved is sold, what is reserved no more is sold if it is still free,
-- and for what is gone the money is owed back. What was reserved is sold as it was seen, also when
-- the seller has meanwhile delisted it or changed its price. Nobody buys a lead twice: an earlier
-- checkout of the same buyer can be paid beside a later one. The buyer's own reservations do not
-- stand in the way, and are given up for what is sold.
CREATE OR REPLACE FUNCTION bursar.sell_paid_leads(p public.card_payments, p_actor text)
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_now CONSTANT timestamptz := bursar.clock();
    v_sellers uuid[]; v_nets bigint[]; v_fees bigint[]; v_ids bigint[];
    v_released uuid[];
    v_written boolean;
BEGIN
    UPDATE public.marketplace_purchase_items AS i
    SET status = CASE WHEN l.marketplace_status <> 'sold' AND l.sold_count < l.max_sales AND (
            i.status = 'reserved' AND i.reserved_until > v_now
            OR l.is_marketplace_listed AND l.sold_count + (
                SELECT count(*) FROM public.marketplace_purchase_items AS o
                JOIN public.marketplace_purchases AS b ON b.id = o.purchase_id
                WHERE o.lead_id = i.lead_id AND o.status = 'reserved' AND o.reserved_until > v_now
                    AND b.buyer_workspace_id <> p.workspace_id) < l.max_sales)
            AND NOT EXISTS (SELECT FROM public.marketplace_purchase_items AS o
                JOIN public.marketplace_purchases AS b ON b.id = o.purchase_id
                WHERE o.lead_id = i.lead_id AND o.status = 'sold'
                    AND b.buyer_workspace_id = p.workspace_id)
        THEN 'sold' ELSE 'gone' END,
        reserved_until = NULL
    FROM public.leads AS l
    WHERE i.purchase_id = p.purchase_id AND l.id = i.lead_id AND i.status <> 'refunded';
    v_released := bursar.release_reservations(bursar.own_reservations(p.workspace_id, ARRAY(
        SELECT i.lead_id FROM public.marketplace_purchase_items AS i
        WHERE i.purchase_id = p.purchase_id AND i.status = 'sold'), p.purchase_id), 'expired');
    IF cardinality(v_released) > 0 THEN
        v_written := bursar.count_sales(v_released, 0);
    END IF;

    SELECT array_agg(s.seller_workspace_id), array_agg(s.price - s.fee), array_agg(s.fee)
    INTO v_sellers, v_nets, v_fees
    FROM (SELECT seller_workspace_id, sum(price)::bigint AS price, sum(fee)::bigint AS fee
        FROM public.marketplace_purchase_items
        WHERE purchase_id = p.purchase_id AND status = 'sold'
        GROUP BY seller_workspace_id ORDER BY seller_workspace_id) AS s;
    IF v_sellers IS NOT NULL THEN
        v_ids := bursar.pay_out('complete_stripe_lead_purchase', 'earned',
            'leads of purchase ' || p.purchase_id, p_actor, v_sellers, v_nets, v_fees, NULL);
        INSERT INTO public.card_payouts
        SELECT p.id, t.place, t.seller, t.net + t.fee, t.fee, t.id
        FROM unnest(v_sellers, v_nets, v_fees, v_ids) WITH ORDINALITY
            AS t (seller, net, fee, id, place);
    END IF;
    UPDATE public.marketplace_purchase_items AS i
    SET transaction_id = v_ids[array_position(v_sellers, i.seller_workspace_id)],
        sold_at = v_now
    WHERE i.purchase_id = p.purchase_id AND i.status = 'sold';

    UPDATE public.card_payments SET paid_at = v_now, owed = p.amount / p.credits * (
        SELECT coalesce(sum(price), 0) FROM public.marketplace_purchase_items
        WHERE purchase_id = p.purchase_id AND status = 'gone')
    WHERE id = p.id;
    UPDATE public.marketplace_purchases SET reserved_until = NULL,
        completed_at = CASE WHEN v_sellers IS NOT NULL THEN v_now END
    WHERE id = p.purchase_id;
    -- Also those that are gone: they are not reserved any more.
    SELECT bool_or(bursar.count_sales(t.lead_ids, t.change)) INTO v_written
    FROM (SELECT array_agg(lead_id) AS lead_ids, (status = 'sold')::integer AS change
        FROM public.marketplace_purchase_items WHERE purchase_id = p.purchase_id
        GROUP BY 2) AS t;
    RETURN true;
END
$$;

COMMENT ON FUNCTION bursar.sell_paid_leads(public.card_payments, text) IS
    'Sells the leads of a paid purchase, as far as they are there.';
REVOKE ALL ON FUNCTION bursar.sell_paid_leads(public.card_payments, text)
    FROM PUBLIC, anon, authenticated;

-- Notes what is owed back to a card for leads that were gone. What was refunded so far, whoever
-- asked for it, comes off: nobody is given the same money twice. An amount that the card company
-- was asked for already is left as it is.
CREATE OR REPLACE FUNCTION bursar.settle_card_debt(
    p public.card_payments, f bursar.card_facts, p_actor text
) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_now CONSTANT timestamptz := bursar.clock();
    v_covered CONSTANT boolean := f.refunded + f.lost >= p.owed;
    v_amount CONSTANT bigint := p.owed - CASE WHEN v_covered THEN 0 ELSE f.refunded END;
BEGIN
    UPDATE public.card_refunds
    SET amount = CASE attempts WHEN 0 THEN v_amount ELSE amount END,
        status = CASE WHEN v_covered THEN 'issued' ELSE status END,
        issued_at = CASE WHEN v_covered THEN v_now END
    WHERE payment_id = p.id AND status = 'owed';
    IF FOUND OR EXISTS (SELECT FROM public.card_refunds WHERE payment_id = p.id) THEN
        RETURN FOUND;
    END IF;
    INSERT INTO public.card_refunds (payment_id, amount, reason, status, next_attempt_at,
        created_at, issued_at)
    VALUES (p.id, v_amount, 'leads were gone', CASE WHEN v_covered THEN 'issued' ELSE 'owed' END,
        v_now, v_now, CASE WHEN v_covered THEN v_now END);
    INSERT INTO public.audit_logs (action, actor, workspace_id, details, created_at)
    SELECT 'refund_owed', p_actor, p.workspace_id, jsonb_build_object('payment_id', p.id,
        'amount', v_amount, 'currency', p.currency, 'lead_ids', (
            SELECT jsonb_agg(i.lead_id) FROM public.marketplace_purchase_items AS i
            WHERE i.purchase_id = p.purchase_id AND i.status = 'gone')), v_now
    WHERE NOT v_covered;
    RETURN true;
END
$$;

COMMENT ON FUNCTION bursar.settle_card_debt(public.card_payments, bursar.card_facts, text) IS
    'Notes what is owed back to a card, less what was refunded.';
REVOKE ALL ON FUNCTION bursar.settle_card_debt(public.card_payments, bursar.card_facts, text)
    FROM PUBLIC, anon, authenticated;
