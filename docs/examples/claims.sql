-- A purchase in a store and its claim. It is Monday morning; Ada buys a shield in the app, and the
-- store's event comes by RevenueCat, with her other id among the aliases.
SET ROLE service_role;
SELECT o ->> 'effect' AS effect, o ->> 'tx_id' AS tx_id, o ->> 'purchase_status' AS status
FROM jsonb_array_elements(bursar.take_store_event('[{"event": {"id": "e1",
    "type": "NON_RENEWING_PURCHASE", "event_timestamp_ms": 1793610000000, "app_user_id": "ada",
    "aliases": ["ada", "$RCAnonymousID:7"], "product_id": "consumable_streakshield_1",
    "transaction_id": "2001", "store": "APP_STORE", "environment": "PRODUCTION",
    "purchased_at_ms": 1793610000000}}]')) AS o;

-- She claims it, and her app asks twice. Bob tries, too.
SELECT o ->> 'status' AS status, o ->> 'code' AS code, o -> 'wallet' ->> 'streakshield_count'
    AS shields, o ->> 'replayed' AS replayed
FROM jsonb_array_elements(bursar.claim_purchase('[
    {"user_id": "ada", "sku": "consumable_streakshield_1", "tx_id": "2001",
        "caller": {"role": "authenticated", "sub": "ada"}},
    {"user_id": "ada", "sku": "consumable_streakshield_1", "tx_id": "2001",
        "caller": {"role": "authenticated", "sub": "ada"}},
    {"user_id": "bob", "sku": "consumable_streakshield_1", "tx_id": "2001",
        "caller": {"role": "authenticated", "sub": "bob"}}]')) AS o;
SELECT tx_id, user_id, status, amount FROM public.purchase_claims;

-- She uses the shield: an entry like any other.
SELECT o ->> 'verb' AS verb, o ->> 'balance' AS shields
FROM jsonb_array_elements(bursar.use_item('[{"user_id": "ada", "key": "saturday",
    "caller": {"role": "authenticated", "sub": "ada"}}]')) AS o;

-- The store gives her money back. What was used is owed; the purchase can no longer be claimed.
SELECT o ->> 'effect' AS effect, o ->> 'purchase_status' AS status
FROM jsonb_array_elements(bursar.take_store_event('[{"event": {"id": "e2",
    "type": "CANCELLATION", "cancel_reason": "CUSTOMER_SUPPORT",
    "event_timestamp_ms": 1793613600000, "app_user_id": "ada",
    "product_id": "consumable_streakshield_1", "transaction_id": "2001", "store": "APP_STORE",
    "environment": "PRODUCTION"}}]')) AS o;
SELECT o ->> 'balance' AS shields, o ->> 'owed' AS owed
FROM bursar.read_wallet('ada', 'streak_shield') AS o;
SELECT o ->> 'message' AS message
FROM jsonb_array_elements(bursar.claim_purchase('[{"user_id": "ada", "tx_id": "2001",
    "sku": "consumable_streakshield_1", "caller": {"role": "service_role"}}]')) AS o;

-- The refund is reversed: granted again, and the debt is repaid with it.
SELECT o ->> 'effect' AS effect, o ->> 'purchase_status' AS status
FROM jsonb_array_elements(bursar.take_store_event('[{"event": {"id": "e3",
    "type": "REFUND_REVERSED", "event_timestamp_ms": 1793617200000, "app_user_id": "ada",
    "product_id": "consumable_streakshield_1", "transaction_id": "2001", "store": "APP_STORE",
    "environment": "PRODUCTION"}}]')) AS o;
SELECT o ->> 'balance' AS shields, o ->> 'owed' AS owed
FROM bursar.read_wallet('ada', 'streak_shield') AS o;
SELECT t.verb, t.reason, e.asset, e.amount, e.bucket, e.balance_after
FROM bursar.entry AS e JOIN bursar.transaction AS t ON t.id = e.transaction_id
WHERE e.owner_id = 'ada' ORDER BY e.transaction_id, e.line;

-- No rows: the wallet is what its claims, uses and refunds come to.
SELECT * FROM check_wallet_integrity();
