-- The rows of a hundred purchases, written blind: nothing is read, checked or decided. What is
-- known beforehand comes in arrays with an element for each purchase; $9 to $11 name each wallet
-- once, with what its balance and its sequence move by. One statement: nothing is sent twice.
WITH bought AS MATERIALIZED (
    SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bigint[],
        $6::bigint[], $7::bigint[], $8::bigint[])
        AS t (id, buyer, seller, reward, buyer_seq, buyer_balance, seller_seq, seller_balance)
), transactions AS (
    INSERT INTO bursar.transaction (id, verb, asset, owner_id, amount, reason, actor, created_at)
    SELECT id, 'purchase_reward', 'credit', buyer, $14::bigint, 'reward ' || reward, 'service',
        now()
    FROM bought
), entries AS (
    INSERT INTO bursar.entry
        (transaction_id, line, asset, owner_id, amount, seq, balance_after, bucket)
    SELECT id, 1, 'credit', buyer, -$14::bigint, buyer_seq, buyer_balance, 'used' FROM bought
    UNION ALL
    SELECT id, 2, 'credit', seller, $14::bigint, seller_seq, seller_balance, 'earned' FROM bought
), wallets AS (
    UPDATE public.user_credits AS w
    SET balance = w.balance + m.amount, bursar_seq = w.bursar_seq + m.entries
    FROM unnest($9::uuid[], $10::bigint[], $11::bigint[]) AS m (user_id, amount, entries)
    WHERE w.user_id = m.user_id
), claims AS (
    INSERT INTO bursar.idempotency (claim, fingerprint, outcome, created_at)
    SELECT k.claim, k.claim, k.outcome, now()
    FROM unnest($12::bytea[], $13::jsonb[]) AS k (claim, outcome)
)
INSERT INTO public.collected_rewards
    (reward_id, collector_id, price, transaction_id, collected_at)
SELECT reward::uuid, buyer::uuid, $14::bigint, id, now() FROM bought
