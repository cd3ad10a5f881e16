-- Caps on a calendar. A shield may be claimed once a week and three times a month, in UTC. It is
-- Monday, 2 November 2026. Ada has bought two; operators may write down what a store has told.
SET ROLE bursar_operator;
INSERT INTO public.audit_purchases (tx_id, user_id, sku, status, purchased_at)
SELECT tx_id, 'ada', sku, 'NON_RENEWING_PURCHASE', '2026-11-01 20:00+00'
FROM (VALUES ('2001', 'consumable_streakshield_1'), ('2002', 'consumable_streakshield_1'),
    ('3001', 'consumable_xp_booster_7d'), ('3002', 'consumable_xp_booster_7d')) AS b (tx_id, sku);
SET ROLE service_role;
SELECT o ->> 'status' AS status, o ->> 'code' AS code, o -> 'details' ->> 'cap' AS cap,
    o -> 'details' ->> 'used' AS used, o -> 'details' ->> 'allowed' AS allowed,
    o -> 'details' ->> 'frees_up_at' AS frees_up_at
FROM jsonb_array_elements(bursar.claim_purchase('[
    {"user_id": "ada", "sku": "consumable_streakshield_1", "tx_id": "2001",
        "caller": {"role": "authenticated", "sub": "ada"}},
    {"user_id": "ada", "sku": "consumable_streakshield_1", "tx_id": "2002",
        "caller": {"role": "authenticated", "sub": "ada"}}]')) AS o;

-- She has paid for the second, so it stays claimable, and is written down.
SELECT tx_id, cap, times, frees_up_at FROM public.claims_over_cap;

-- The windows of a week in October, as the owner of the functions may ask for them. Weeks begin on
-- Monday. In Berlin this one was an hour longer: clocks were put back on its last day.
RESET ROLE;
SELECT z.zone, w.bounds[1] AS starts, w.bounds[2] AS ends, w.bounds[2] - w.bounds[1] AS lasts
FROM (VALUES ('UTC'), ('Europe/Berlin'), ('Asia/Kathmandu')) AS z (zone)
CROSS JOIN LATERAL (SELECT bursar.cap_window('week', NULL, z.zone, '2026-10-24 12:00+00')
    AS bounds) AS w;
SET ROLE service_role;

-- Two boosters of seven days at the same moment: the later end counts, as shipped. With `extend`
-- the second would be added to the first.
SELECT o ->> 'tx_id' AS tx_id, o -> 'wallet' ->> 'xp_booster_until' AS until
FROM jsonb_array_elements(bursar.claim_purchase('[
    {"user_id": "ada", "sku": "consumable_xp_booster_7d", "tx_id": "3001",
        "caller": {"role": "service_role"}}]')) AS o;
UPDATE public.skus SET stacking = 'extend' WHERE sku = 'consumable_xp_booster_7d';
SELECT o ->> 'tx_id' AS tx_id, o -> 'wallet' ->> 'xp_booster_until' AS until
FROM jsonb_array_elements(bursar.claim_purchase('[
    {"user_id": "ada", "sku": "consumable_xp_booster_7d", "tx_id": "3002",
        "caller": {"role": "service_role"}}]')) AS o;
SELECT seq, cause, tx_id, until_before, until_after FROM public.booster_changes;

-- Time goes by. A week later the second shield fits in.
RESET ROLE;
CREATE OR REPLACE FUNCTION bursar.clock() RETURNS timestamptz
LANGUAGE sql VOLATILE RETURN timestamptz '2026-11-09 09:00:00+00';
SET ROLE service_role;
SELECT o ->> 'status' AS status, o -> 'wallet' ->> 'streakshield_count' AS shields
FROM jsonb_array_elements(bursar.claim_purchase('[
    {"user_id": "ada", "sku": "consumable_streakshield_1", "tx_id": "2002",
        "caller": {"role": "authenticated", "sub": "ada"}}]')) AS o;
SELECT count(*) AS over_a_cap FROM public.claims_over_cap;
