-- requires: ledger/value_shape.sql
-- The texts of a JSON array; none, where it is not one.
CREATE OR REPLACE FUNCTION bursar.texts_of(p_value jsonb) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN ARRAY(SELECT t.value #>> '{}' FROM jsonb_array_elements(
            CASE jsonb_typeof(p_value) WHEN 'array' THEN p_value ELSE '[]' END) AS t (value)
        WHERE jsonb_typeof(t.value) = 'string' LIMIT 100);
END
$$;

COMMENT ON FUNCTION bursar.texts_of(jsonb) IS 'The texts of a JSON array.';
REVOKE ALL ON FUNCTION bursar.texts_of(jsonb) FROM PUBLIC, anon, authenticated;

-- Whether events of a type say something about a purchase.
CREATE OR REPLACE FUNCTION bursar.tells_of_purchase(p_type text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN p_type IN ('INITIAL_PURCHASE', 'NON_RENEWING_PURCHASE', 'RENEWAL',
    'TEMPORARY_ENTITLEMENT_GRANT', 'EXPIRATION', 'CANCELLATION', 'REFUND_REVERSED',
    'UNCANCELLATION', 'PRODUCT_CHANGE');

COMMENT ON FUNCTION bursar.tells_of_purchase(text) IS
    'Whether events of a type say something about a purchase.';
REVOKE ALL ON FUNCTION bursar.tells_of_purchase(text) FROM PUBLIC, anon, authenticated;

-- Reads events of RevenueCat, whose sender a door has verified. A transaction is named by the
-- store, the environment and the store's own id; events without one (a test, a transfer) name none,
-- and neither do those that tell of no purchase and have something else in its place. What is taken
-- here is what `revenuecat_event.py` takes: it answers for events while the database is away.
-- Source: https://www.revenuecat.com/docs/integrations/webhooks/event-types-and-fields.
CREATE OR REPLACE FUNCTION bursar.read_store_events(p_requests jsonb) RETURNS bursar.store_event[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
RETURN (SELECT array_agg(ROW(
    t.n, e.event ->> 'id', coalesce(e.event ->> 'app_id', 'default'), e.event ->> 'type',
    to_timestamp(CASE WHEN f.field IS NULL THEN (e.event ->> 'event_timestamp_ms')::bigint END
        / 1000.0),
    e.event ->> 'app_user_id',
    array_remove(bursar.texts_of(e.event -> 'aliases')
        || (e.event ->> 'original_app_user_id'), NULL),
    e.event ->> 'product_id', coalesce(e.event ->> 'store', 'APP_STORE'),
    CASE e.event ->> 'environment' WHEN 'SANDBOX' THEN 'SANDBOX' ELSE 'PRODUCTION' END,
    CASE WHEN bursar.is_text(e.event -> 'transaction_id')
        AND bursar.is_printable(e.event ->> 'transaction_id', 200)
        THEN e.event ->> 'transaction_id' END,
    to_timestamp(CASE WHEN bursar.is_whole(e.event -> 'purchased_at_ms', 0, 32503680000000)
        THEN (e.event ->> 'purchased_at_ms')::bigint END / 1000.0),
    e.event ->> 'cancel_reason', bursar.texts_of(e.event -> 'transferred_from'),
    bursar.texts_of(e.event -> 'transferred_to'), e.event,
    CASE WHEN f.field IS NOT NULL THEN 'MALFORMED' END,
    CASE WHEN f.field IS NOT NULL THEN jsonb_build_object('field', f.field) END
    )::bursar.store_event ORDER BY t.n)
FROM jsonb_array_elements(p_requests) WITH ORDINALITY AS t (q, n)
CROSS JOIN LATERAL (SELECT CASE jsonb_typeof(t.q -> 'event') WHEN 'object' THEN t.q -> 'event'
    ELSE '{}' END AS event) AS e
CROSS JOIN LATERAL (SELECT CASE
    WHEN jsonb_typeof(e.event -> 'id') IS DISTINCT FROM 'string'
        OR NOT bursar.is_printable(e.event ->> 'id', 255) THEN 'event.id'
    WHEN jsonb_typeof(e.event -> 'type') IS DISTINCT FROM 'string'
        OR NOT bursar.is_printable(e.event ->> 'type', 100) THEN 'event.type'
    WHEN NOT coalesce(bursar.is_whole(e.event -> 'event_timestamp_ms', 0, 32503680000000), false)
        THEN 'event.event_timestamp_ms'
    -- What tells of a purchase must say which, whose and of what.
    WHEN e.event ->> 'transaction_id' IS NULL
        OR NOT bursar.tells_of_purchase(e.event ->> 'type') THEN NULL
    WHEN NOT bursar.is_text(e.event -> 'transaction_id')
        OR NOT bursar.is_printable(e.event ->> 'transaction_id', 200) THEN 'event.transaction_id'
    WHEN NOT coalesce(bursar.is_text(e.event -> 'app_user_id')
        AND bursar.is_owner(e.event ->> 'app_user_id', 'text'), false) THEN 'event.app_user_id'
    WHEN NOT coalesce(bursar.is_text(e.event -> 'product_id')
        AND bursar.is_printable(e.event ->> 'product_id', 200), false)
        THEN 'event.product_id' END AS field OFFSET 0) AS f);
END
$$;

COMMENT ON FUNCTION bursar.read_store_events(jsonb) IS 'Reads events of RevenueCat.';
REVOKE ALL ON FUNCTION bursar.read_store_events(jsonb) FROM PUBLIC, anon, authenticated;
