-- requires: ledger/read_instructions.sql
-- requires: ledger/lock_wallets.sql
-- requires: ledger/post.sql
-- requires: ledger/parents.sql
-- requires: ledger/legs.sql
-- requires: ledger/count_before_repeat.sql
-- requires: ledger/build_handlers.sql
-- The handler of every ledger verb, mixed in any order: read, lock wallets, lock holds and parent
-- transactions, read what they have left in the statement after, then post.
--
-- Two requests that share a key, a hold, a parent or an external id depend on each other. The batch
-- is cut before the second of them; all wallets are locked before, so the lock order holds.
CREATE OR REPLACE FUNCTION bursar.carry_out(p_requests jsonb, p_wait boolean) RETURNS json[]
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_in bursar.instruction[] := bursar.read_instructions(p_requests);
    v_assets text[]; v_owner_ids text[];
    v_wallets bursar.wallet_state[];
    v_requests bursar.request[]; v_legs bursar.leg[]; v_outcomes json[];
    v_holds boolean;
BEGIN
    SELECT array_agg(l.asset), array_agg(l.owner_id) INTO v_assets, v_owner_ids
    FROM unnest(v_in) AS q
    CROSS JOIN LATERAL (
        SELECT q.asset, q.owner_id
        UNION ALL SELECT q.asset, q.to_owner_id WHERE q.to_owner_id IS NOT NULL
        UNION ALL SELECT e.asset, e.owner_id FROM bursar.entry AS e
            WHERE q.verb = 'refund' AND e.transaction_id = q.transaction_id AND e.bucket <> 'debt'
    ) AS l
    WHERE q.refusal IS NULL;
    v_wallets := bursar.lock_wallets(v_assets, v_owner_ids, p_wait);

    IF cardinality(v_in) > 1 THEN
        v_in := v_in[:(SELECT least(
            bursar.count_before_repeat(array_agg(q.claim ORDER BY q.n)),
            bursar.count_before_repeat(array_agg(coalesce('hold ' || q.hold_id,
                'parent ' || q.transaction_id, 'external ' || (q.external ->> 'provider') || ' '
                    || (q.external ->> 'account') || ' ' || (q.external ->> 'mode') || ' '
                    || (q.external ->> 'id')) ORDER BY q.n)))
            FROM unnest(v_in) AS q)];
    END IF;
    v_holds := EXISTS (SELECT FROM unnest(v_in) AS q WHERE q.hold_id IS NOT NULL
        OR q.transaction_id IS NOT NULL OR q.external IS NOT NULL OR q.verb = 'hold');
    IF v_holds THEN
        v_in := bursar.read_parents(v_in, p_wait);
    END IF;

    SELECT array_agg(l ORDER BY q.n, t.i) INTO v_legs
    FROM unnest(v_in) AS q
    CROSS JOIN LATERAL unnest(bursar.legs(q)) WITH ORDINALITY
        AS t (n, asset, owner_id, amount, held, bucket, i)
    CROSS JOIN LATERAL (
        SELECT ROW(t.n, t.asset, t.owner_id, t.amount, t.held, t.bucket)::bursar.leg) AS x (l)
    WHERE q.refusal IS NULL;

    SELECT array_agg(ROW(q.n,
        CASE WHEN q.refusal IS NULL THEN cardinality(bursar.legs(q)) ELSE 0 END,
        q.verb, q.asset, q.owner_id, coalesce(q.amount, 0), q.reason, q.actor,
        q.transaction_id, q.hold_id, q.metadata, q.claim, q.fingerprint,
        CASE WHEN q.verb = 'refund' OR q.over_run = 'overdraft' THEN 'debt'
            ELSE coalesce(q.shortfall, 'refuse') END,
        q.wallet_status, q.refusal, q.details,
        CASE WHEN q.verb = 'freeze' THEN json_build_object('wallet_status', q.wallet_status)
            WHEN q.hold_id IS NOT NULL THEN json_build_object('hold_id', q.hold_id)
            WHEN q.transaction_id IS NOT NULL THEN json_build_object('corrects', q.transaction_id)
            END)::bursar.request ORDER BY q.n)
    INTO v_requests FROM unnest(v_in) AS q;

    v_outcomes := (bursar.post(v_wallets, v_requests, v_legs)).outcomes;
    IF v_holds THEN
        v_outcomes := bursar.write_parents(v_in, v_outcomes);
    END IF;
    RETURN v_outcomes;
END
$$;

COMMENT ON FUNCTION bursar.carry_out(jsonb, boolean) IS
    'Handler of the ledger verbs: answers the outcomes of the first few requests, or of all.';
REVOKE ALL ON FUNCTION bursar.carry_out(jsonb, boolean) FROM PUBLIC, anon, authenticated;

SELECT bursar.build_handlers();
