-- A cart of leads by card, with an event that comes twice, one that comes out of order, a lead that
-- was gone, and a refund. Money is in cents; a credit costs 25.
UPDATE public.marketplace_config SET card_unit_amount = 25;
INSERT INTO public.leads (id, seller_workspace_id, title, price) VALUES
    ('22222222-0000-4000-8000-000000000001', '5e000000-0000-4000-8000-00000000005e', 'Roof', 40),
    ('22222222-0000-4000-8000-000000000002', '7e000000-0000-4000-8000-00000000007e', 'Attic', 60);
SET ROLE service_role;

-- Reserved for a minute: nobody is charged, and nobody else can have them.
SELECT o ->> 'total_price' AS credits, o ->> 'amount' AS amount, o ->> 'currency' AS currency,
    o ->> 'reserved_until' AS reserved_until, o ->> 'payment_id' AS id
FROM public.validate_and_lock_leads_for_purchase('ee000000-0000-4000-8000-0000000000ee', ARRAY[
    '22222222-0000-4000-8000-000000000001', '22222222-0000-4000-8000-000000000002']::uuid[],
    p_reserve_seconds => 60) AS o \gset card_
\echo :card_credits credits, :card_amount :card_currency until :card_reserved_until
SELECT o -> 'details' -> 'conflicts' AS conflicts
FROM public.validate_and_lock_leads_for_purchase('aa000000-0000-4000-8000-0000000000aa',
    ARRAY['22222222-0000-4000-8000-000000000002']::uuid[]) AS o;
SELECT o ->> 'code' AS code FROM public.mark_leads_sold_bulk(:'card_id') AS o;

-- An hour passes. The reservation has lapsed, and somebody buys the attic for credits.
RESET ROLE;
CREATE OR REPLACE FUNCTION bursar.clock() RETURNS timestamptz
LANGUAGE sql VOLATILE RETURN timestamptz '2026-11-02 10:00:00+00';
SET ROLE service_role;
SELECT o ->> 'balance' AS balance
FROM jsonb_array_elements(bursar.grant('[{"owner_id": "aa000000-0000-4000-8000-0000000000aa",
    "asset": "workspace_credit", "amount": 60}]')) AS o;
SELECT o ->> 'status' AS status
FROM public.complete_credit_lead_purchase('aa000000-0000-4000-8000-0000000000aa',
    ARRAY['22222222-0000-4000-8000-000000000002']::uuid[]) AS o;

-- The card company's events come late, the last one first, and the payment twice. An event as we
-- read it: which session and payment intent it is about, and what became of them.
SELECT jsonb_build_object('event', jsonb_build_object('id', 'evt_1', 'type',
    'checkout.session.completed', 'created', 1793613000, 'livemode', false, 'data',
    jsonb_build_object('object', jsonb_build_object('id', 'cs_1', 'payment_intent', 'pi_1',
        'client_reference_id', :'card_id', 'payment_status', 'paid', 'amount_total', 2500,
        'currency', 'usd')))) AS paid,
    jsonb_build_object('event', jsonb_build_object('id', 'evt_2', 'type', 'charge.refunded',
    'created', 1793616000, 'livemode', false, 'data', jsonb_build_object('object',
        jsonb_build_object('id', 'ch_1', 'payment_intent', 'pi_1', 'amount_refunded', 2000)))
    ) AS refunded \gset
SELECT o ->> 'type' AS type, o ->> 'effect' AS effect, o ->> 'payment_status' AS payment,
    o ->> 'purchase_status' AS purchase, o ->> 'replayed' AS replayed
FROM jsonb_array_elements(bursar.take_stripe_event(
    jsonb_build_array(:'refunded'::jsonb, :'paid'::jsonb, :'paid'::jsonb))) AS o;

-- The roof is sold. The attic was gone: its 1500 cents were owed, and the refund of 2000 has
-- covered them. The other 500, half of what the roof cost, took half of its 40 credits back.
SELECT title, status FROM public.marketplace_purchase_items
JOIN public.leads ON id = lead_id WHERE purchase_id = :'card_id' ORDER BY title;
SELECT amount, refunded, owed, reversed FROM public.card_payments;
SELECT amount, status, reason FROM public.card_refunds;
SELECT t.verb, e.owner_id, e.amount, e.bucket
FROM bursar.entry AS e JOIN bursar.transaction AS t ON t.id = e.transaction_id
WHERE t.verb LIKE '%card%' OR t.verb LIKE '%stripe%' ORDER BY t.id, e.line;

-- The receipt.
SELECT jsonb_pretty(o - ARRAY['purchase_id', 'created_at', 'payment', 'items'])
FROM bursar.read_lead_purchase(:'card_id') AS o;
