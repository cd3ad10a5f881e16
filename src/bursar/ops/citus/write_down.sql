-- Writes what was decided for one home. The home stands in each statement as a parameter, because
-- it is by that that Citus knows which shard the rows go to; their own `home` would not tell it.
CREATE OR REPLACE FUNCTION bursar_citus.write_down(
    p_home text,
    p_transactions bursar_citus.transaction[],
    p_entries bursar_citus.entry[],
    p_keys bursar_citus.idempotency[],
    p_items bursar_citus.collected_reward[]
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar_citus, pg_temp
AS $$
BEGIN
    IF p_transactions IS NOT NULL THEN
        INSERT INTO bursar_citus.transaction
        SELECT p_home, t.id, t.verb, t.asset, t.amount, t.reason, t.actor, t.metadata, t.created_at
        FROM unnest(p_transactions) AS t;
        INSERT INTO bursar_citus.entry
        SELECT p_home, e.transaction_id, e.line, e.asset, e.owner_id, e.amount, e.seq,
            e.balance_after, e.bucket
        FROM unnest(p_entries) AS e;
    END IF;
    IF p_keys IS NOT NULL THEN
        INSERT INTO bursar_citus.idempotency
        SELECT p_home, k.claim, k.fingerprint, k.outcome, k.created_at FROM unnest(p_keys) AS k;
    END IF;
    IF p_items IS NOT NULL THEN
        INSERT INTO bursar_citus.collected_reward
        SELECT p_home, c.reward_id, c.price, c.transaction_id, c.collected_at
        FROM unnest(p_items) AS c;
    END IF;
END
$$;

COMMENT ON FUNCTION bursar_citus.write_down(text, bursar_citus.transaction[], bursar_citus.entry[],
    bursar_citus.idempotency[], bursar_citus.collected_reward[]) IS
    'Writes what was decided for one home.';
REVOKE ALL ON FUNCTION bursar_citus.write_down(text, bursar_citus.transaction[],
    bursar_citus.entry[], bursar_citus.idempotency[], bursar_citus.collected_reward[])
    FROM PUBLIC, anon, authenticated;
