-- requires: ledger/value_shape.sql
-- Reads events of Stripe, whose signature a door has verified, and finds the payment that each is
-- about: by our own id, which we gave to the checkout session and to the payment intent, else by
-- the session or the payment intent, once these are known. A dispute names nothing else.
CREATE OR REPLACE FUNCTION bursar.read_stripe_events(p_requests jsonb) RETURNS bursar.card_event[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
RETURN (SELECT array_agg(ROW(
    t.n, e.event ->> 'id', coalesce(e.event ->> 'account', 'default'), m.mode, e.event ->> 'type',
    to_timestamp(CASE WHEN f.field IS NULL THEN (e.event ->> 'created')::bigint END),
    (SELECT p.id FROM public.card_payments AS p
        WHERE p.mode = m.mode AND p.id = coalesce(
            CASE WHEN bursar.is_uuid(o.ours) THEN o.ours::uuid END,
            (SELECT s.id FROM public.card_payments AS s WHERE s.session_id = o.session_id),
            (SELECT i.id FROM public.card_payments AS i WHERE i.payment_intent = o.intent))),
    o.session_id, o.intent, e.event,
    CASE WHEN f.field IS NOT NULL THEN 'MALFORMED' END,
    CASE WHEN f.field IS NOT NULL THEN jsonb_build_object('field', f.field) END
    )::bursar.card_event ORDER BY t.n)
FROM jsonb_array_elements(p_requests) WITH ORDINALITY AS t (q, n)
CROSS JOIN LATERAL (SELECT CASE jsonb_typeof(t.q -> 'event') WHEN 'object' THEN t.q -> 'event'
    ELSE '{}' END AS event) AS e
CROSS JOIN LATERAL (SELECT CASE
    WHEN jsonb_typeof(e.event -> 'id') IS DISTINCT FROM 'string'
        OR NOT bursar.is_printable(e.event ->> 'id', 255) THEN 'event.id'
    WHEN jsonb_typeof(e.event -> 'type') IS DISTINCT FROM 'string'
        OR NOT bursar.is_printable(e.event ->> 'type', 100) THEN 'event.type'
    WHEN NOT coalesce(bursar.is_whole(e.event -> 'created', 0, 32503680000), false)
        THEN 'event.created'
    WHEN jsonb_typeof(e.event #> '{data,object}') IS DISTINCT FROM 'object'
        THEN 'event.data.object' END AS field OFFSET 0) AS f
CROSS JOIN LATERAL (SELECT CASE (e.event -> 'livemode')::text WHEN 'true' THEN 'live'
    ELSE 'test' END AS mode) AS m
CROSS JOIN LATERAL (SELECT
    coalesce(e.event #>> '{data,object,metadata,bursar_payment_id}',
        e.event #>> '{data,object,client_reference_id}') AS ours,
    CASE WHEN e.event ->> 'type' LIKE 'checkout.session.%'
        THEN left(e.event #>> '{data,object,id}', 255) END AS session_id,
    left(e.event #>> '{data,object,payment_intent}', 255) AS intent OFFSET 0) AS o);
END
$$;

COMMENT ON FUNCTION bursar.read_stripe_events(jsonb) IS
    'Reads events of Stripe and finds the payment each is about.';
REVOKE ALL ON FUNCTION bursar.read_stripe_events(jsonb) FROM PUBLIC, anon, authenticated;
