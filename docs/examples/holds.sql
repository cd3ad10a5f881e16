-- A hold sets an amount aside until it is captured, released or lapses.
-- The verb functions are for backends.
SET ROLE service_role;
SELECT o ->> 'balance' AS balance
FROM jsonb_array_elements(bursar.grant('[{"owner_id": "a0000000-0000-4000-8000-000000000001",
    "asset": "credit", "amount": 100}]')) AS o;

-- Hold 70 for ten minutes. The posted balance stays; what is available shrinks.
SELECT o ->> 'hold_id' AS hold_id, o ->> 'balance' AS balance, o ->> 'held' AS held,
    o ->> 'available' AS available
FROM jsonb_array_elements(bursar.hold('[{"owner_id": "a0000000-0000-4000-8000-000000000001",
    "asset": "credit", "amount": 70, "expires_in_seconds": 600, "reason": "job 17"}]')) AS o;

-- 30 are available, so 31 cannot be spent.
SELECT o ->> 'code' AS code, o -> 'details' AS details
FROM jsonb_array_elements(bursar.spend('[{"owner_id": "a0000000-0000-4000-8000-000000000001",
    "asset": "credit", "amount": 31}]')) AS o;

-- Capture 20, and say that more may follow. What is left stays held.
SELECT o ->> 'balance' AS balance, o ->> 'held' AS held, o ->> 'available' AS available
FROM jsonb_array_elements(bursar.capture('[{"hold_id": 1, "amount": 20, "final": false}]')) AS o;

-- A final capture (the default) takes its amount and gives the rest back.
SELECT o ->> 'balance' AS balance, o ->> 'held' AS held, o ->> 'available' AS available
FROM jsonb_array_elements(bursar.capture('[{"hold_id": 1, "amount": 25}]')) AS o;
SELECT jsonb_pretty(bursar.read_hold(1) - 'transaction_id');

-- A hold ends once.
SELECT o ->> 'message' AS message
FROM jsonb_array_elements(bursar.release('[{"hold_id": 1}]')) AS o;

-- Three ways to meet a bill beyond the hold: refuse it, cap it, or let the rest become debt.
SELECT o ->> 'hold_id' AS hold_id, o ->> 'available' AS available
FROM jsonb_array_elements(bursar.hold('[
    {"owner_id": "a0000000-0000-4000-8000-000000000001", "asset": "credit", "amount": 10},
    {"owner_id": "a0000000-0000-4000-8000-000000000001", "asset": "credit", "amount": 10},
    {"owner_id": "a0000000-0000-4000-8000-000000000001", "asset": "credit", "amount": 10}
    ]')) AS o;
SELECT o ->> 'code' AS code, o ->> 'amount' AS amount, o ->> 'available' AS available,
    o ->> 'owed' AS owed
FROM jsonb_array_elements(bursar.capture('[
    {"hold_id": 2, "amount": 12},
    {"hold_id": 3, "amount": 12, "over_run": "cap"},
    {"hold_id": 4, "amount": 50, "over_run": "overdraft"}
    ]')) AS o;

-- The refused one is open still. Time goes by: the clock is a function, and tests replace it.
RESET ROLE;
CREATE OR REPLACE FUNCTION bursar.clock() RETURNS timestamptz
LANGUAGE sql VOLATILE RETURN timestamptz '2026-11-02 11:00:00+00';
SET ROLE service_role;

-- The sweeper expires what has lapsed. So would the wallet's next request.
SELECT bursar.expire_holds() AS expired;
SELECT o ->> 'balance' AS balance, o ->> 'held' AS held, o ->> 'owed' AS owed
FROM bursar.read_wallet('a0000000-0000-4000-8000-000000000001', 'credit') AS o;
SELECT id, amount, captured, released, expired, status FROM bursar.hold ORDER BY id;
