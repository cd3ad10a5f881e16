-- The night the store was down. Operators queue claims and tell users why; both switches could as
-- well be set by plain SQL, without a reason.
SET ROLE bursar_operator;
SELECT bursar.set_store_config('claims_mode', '{"mode": "queue", "percent": 100}', 'operator:kim',
    'the store answers nobody') ->> 'after' AS claims_mode;
UPDATE public.store_config SET value = '{"text": "Your purchases are safe."}'
WHERE key = 'status_message';

-- Ada has bought a shield. Her claim comes first, then the event, twice: all are accepted.
SET ROLE service_role;
SELECT o ->> 'status' AS status, o ->> 'queued' AS waits_for
FROM jsonb_array_elements(bursar.claim_purchase('[{"user_id": "ada", "tx_id": "2001",
    "sku": "consumable_streakshield_1", "caller": {"role": "authenticated", "sub": "ada"}}]')) AS o;
SELECT o ->> 'effect' AS effect, o ->> 'replayed' AS again
FROM (SELECT '{"event": {"id": "e1", "type": "NON_RENEWING_PURCHASE",
    "event_timestamp_ms": 1793610000000, "app_user_id": "ada",
    "product_id": "consumable_streakshield_1", "transaction_id": "2001", "store": "APP_STORE",
    "environment": "PRODUCTION", "purchased_at_ms": 1793610000000}}'::jsonb AS request) AS e
CROSS JOIN LATERAL jsonb_array_elements(
    bursar.take_store_event(jsonb_build_array(e.request, e.request))) AS o;
SELECT o ->> 'kind' AS kind, o ->> 'name' AS name, o ->> 'about' AS about, o ->> 'status' AS status
FROM jsonb_array_elements(bursar.list_store_work()) AS o;
SELECT o ->> 'message' AS message, o ->> 'claims_mode' AS mode, o ->> 'waiting_claims' AS claims,
    o ->> 'waiting_events' AS events
FROM bursar.read_shop_status() AS o;

-- The store is back. Claims are opened; the service's worker sends what waits again, events first,
-- with `queued`. Here that is done by hand, twice: the second time adds nothing.
SET ROLE bursar_operator;
SELECT bursar.set_store_config('claims_mode', '{"mode": "open", "percent": 100}', 'operator:kim',
    'the store is back') ->> 'after' AS claims_mode;
SET ROLE service_role;
SELECT bursar.waiting_store_work() AS work \gset
SELECT o ->> 'effect' AS effect, o ->> 'tx_id' AS tx_id
FROM jsonb_array_elements(bursar.take_store_event(:'work'::jsonb -> 'events')) AS o;
SELECT o ->> 'status' AS status, o -> 'wallet' ->> 'streakshield_count' AS shields,
    o ->> 'replayed' AS replayed
FROM jsonb_array_elements(bursar.claim_purchase(:'work'::jsonb -> 'claims')) AS o;
SELECT o ->> 'status' AS status, o -> 'wallet' ->> 'streakshield_count' AS shields,
    o ->> 'replayed' AS replayed
FROM jsonb_array_elements(bursar.claim_purchase(:'work'::jsonb -> 'claims')) AS o;
SELECT o ->> 'waiting_claims' AS claims, o ->> 'waiting_events' AS events,
    o ->> 'set_aside' AS set_aside
FROM bursar.waiting_store_work() AS o;

-- Who moved which switch, and why.
SELECT key, new_value, actor, reason FROM public.store_config_changes
WHERE actor IN ('operator:kim', 'sql:bursar_operator') ORDER BY id;
