-- Writes what was decided for one home. The home stands in each statement as a parameter, because
-- it is by that that Citus knows which shard the rows go to; their own `home` would not tell it.
-- What a single request writes goes by VALUES, for which Citus keeps a plan; more go by COPY.
CREATE OR REPLACE FUNCTION bursar_citus.write_down(
    p_home text,
    p_transactions bursar_citus.transaction[],
    p_entries bursar_citus.entry[],
    p_keys bursar_citus.idempotency[],
    p_items bursar_citus.collected_reward[]
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar_citus, pg_temp
-- Citus cannot plan INSERT … SELECT for values that are not known yet.
SET plan_cache_mode = auto
AS $$
DECLARE
    t bursar_citus.transaction := p_transactions[1];
    e bursar_citus.entry;
    k bursar_citus.idempotency := p_keys[1];
BEGIN
    IF cardinality(p_transactions) = 1 THEN
        INSERT INTO bursar_citus.transaction VALUES (p_home, t.id, t.verb, t.asset, t.amount,
            t.reason, t.actor, t.metadata, t.created_at);
        FOREACH e IN ARRAY p_entries LOOP
            INSERT INTO bursar_citus.entry VALUES (p_home, e.transaction_id, e.line, e.asset,
                e.owner_id, e.amount, e.seq, e.balance_after, e.bucket);
        END LOOP;
    ELSIF p_transactions IS NOT NULL THEN
        INSERT INTO bursar_citus.transaction
        SELECT p_home, r.id, r.verb, r.asset, r.amount, r.reason, r.actor, r.metadata, r.created_at
        FROM unnest(p_transactions) AS r;
        INSERT INTO bursar_citus.entry
        SELECT p_home, r.transaction_id, r.line, r.asset, r.owner_id, r.amount, r.seq,
            r.balance_after, r.bucket
        FROM unnest(p_entries) AS r;
    END IF;
    IF cardinality(p_keys) = 1 THEN
        INSERT INTO bursar_citus.idempotency
        VALUES (p_home, k.claim, k.fingerprint, k.outcome, k.created_at);
    ELSIF p_keys IS NOT NULL THEN
        INSERT INTO bursar_citus.idempotency
        SELECT p_home, r.claim, r.fingerprint, r.outcome, r.created_at FROM unnest(p_keys) AS r;
    END IF;
    IF p_items IS NOT NULL THEN
        INSERT INTO bursar_citus.collected_reward
        SELECT p_home, r.reward_id, r.price, r.transaction_id, r.collected_at
        FROM unnest(p_items) AS r;
    END IF;
END
$$;

COMMENT ON FUNCTION bursar_citus.write_down(text, bursar_citus.transaction[], bursar_citus.entry[],
    bursar_citus.idempotency[], bursar_citus.collected_reward[]) IS
    'Writes what was decided for one home.';
REVOKE ALL ON FUNCTION bursar_citus.write_down(text, bursar_citus.transaction[],
    bursar_citus.entry[], bursar_citus.idempotency[], bursar_citus.collected_reward[])
    FROM PUBLIC, anon, authenticated;
