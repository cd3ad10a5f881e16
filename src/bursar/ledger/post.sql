-- requires: ledger/decide.sql
-- requires: ledger/lock_wallets.sql
-- requires: ledger/open_wallets.sql
-- requires: ledger/remember.sql
-- Writes transactions, entries and balances. Besides it there are only the straight road
-- (pay_<asset>), the transactions of holds that expire, and what records raw SQL. Takes wallets
-- that are locked, requests and their legs; answers an outcome for each request, in order, and the
-- transaction where there is a new one.
--
-- The key is written together with its outcome, after the decision: the wallet's lock is the fence
-- between two requests with one key, and the unique claim is the fence between wallets. Whoever
-- meets a claim that another wallet's request just took starts over and finds its outcome.
CREATE OR REPLACE FUNCTION bursar.post(
    p_wallets bursar.wallet_state[],
    p_requests bursar.request[],
    p_legs bursar.leg[],
    p_sentences jsonb DEFAULT '{}'
) RETURNS bursar.posted
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_plan bursar.plan := bursar.decide(p_wallets, p_requests, p_legs, p_sentences);
    v_posted bursar.posted;
    v_remembered boolean;
BEGIN
    IF v_plan.transactions IS NOT NULL THEN
        INSERT INTO bursar.transaction SELECT * FROM unnest(v_plan.transactions);
    END IF;
    IF v_plan.debts IS NOT NULL THEN
        -- A debt is only ever written under the lock of the wallet it belongs to. It is opened
        -- before its entries are there, since a wallet that is opened goes on where its entries
        -- ended.
        PERFORM bursar.open_wallets((SELECT jsonb_agg(to_jsonb(d)) FROM unnest(v_plan.debts) AS d));
    END IF;
    -- Entries before wallets, so that a store's own triggers find them.
    IF v_plan.entries IS NOT NULL THEN
        INSERT INTO bursar.entry SELECT * FROM unnest(v_plan.entries);
    END IF;
    IF v_plan.wallets IS NOT NULL THEN
        PERFORM bursar.write_wallets(v_plan.wallets);
    END IF;
    IF v_plan.debts IS NOT NULL THEN
        PERFORM bursar.write_wallets(v_plan.debts);
    END IF;
    IF v_plan.claims IS NOT NULL THEN
        v_remembered := bursar.remember(v_plan.claims);
    END IF;
    v_posted.outcomes := v_plan.outcomes;
    v_posted.transaction_ids := v_plan.transaction_ids;
    RETURN v_posted;
END
$$;

COMMENT ON FUNCTION bursar.post(bursar.wallet_state[], bursar.request[], bursar.leg[], jsonb) IS
    'Decides a batch over locked wallets and writes what was decided.';
REVOKE ALL ON FUNCTION bursar.post(bursar.wallet_state[], bursar.request[], bursar.leg[], jsonb)
    FROM PUBLIC, anon, authenticated;
