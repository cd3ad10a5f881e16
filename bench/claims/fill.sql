-- Users with a wallet and users without, each with shields and boosters that they have bought and
-- not claimed, and buyers with credits and rewards on sale.
-- `users` is how many there are of each.
INSERT INTO public.user_wallet_balances (user_id)
    SELECT 'known-' || n FROM generate_series(1, %(users)s) AS n;
INSERT INTO public.audit_purchases (tx_id, user_id, sku, status, owners)
    SELECT w.kind || '-' || n, w.who || '-' || n, w.sku, 'NON_RENEWING_PURCHASE',
        ARRAY[w.who || '-' || n]
    FROM (VALUES ('shield', 'known', 'consumable_streakshield_1'),
            ('booster', 'known', 'consumable_xp_booster_7d'),
            ('new', 'new', 'consumable_streakshield_1')) AS w (kind, who, sku)
    CROSS JOIN generate_series(1, %(users)s) AS n;
INSERT INTO public.audit_purchases (tx_id, user_id, sku, status, owners)
    SELECT 'again-' || n, 'again-' || n, 'consumable_streakshield_1', 'NON_RENEWING_PURCHASE',
        ARRAY['again-' || n]
    FROM generate_series(1, 1000) AS n;
INSERT INTO public.user_credits (user_id, balance)
    SELECT md5('buyer-' || n)::uuid, 1000 FROM generate_series(1, %(users)s) AS n;
INSERT INTO public.user_credits (user_id, balance)
    SELECT md5('seller-' || n)::uuid, 0 FROM generate_series(1, 1000) AS n;
INSERT INTO public.rewards (id, creator_id, name, cost)
    SELECT md5('reward-' || n)::uuid, md5('seller-' || n)::uuid, 'Sticker', 10
    FROM generate_series(1, 1000) AS n;
