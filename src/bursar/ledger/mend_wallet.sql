-- requires: ledger/post.sql
-- requires: ledger/gate.sql
-- requires: ledger/value_shape.sql
-- What `bursar reconcile` does to one wallet that was written past the kernel: its entries are the
-- truth, and no entry is changed. Whatever differs is found again under the wallet's lock.
--
--   the balance    two adjustments: the change that nobody recorded, then its correction, which
--                  names it; with `p_keep` the first alone, so that the balance stays
--   the sequence   counted anew from the entries
--   what is held   counted anew from the open holds
--   a missing row  opened again first
--
-- Answers {status, before, after, transactions, [why]}; `status` is done, unchanged, or refused
-- where the entries do not tell what the wallet should have. Operators' work: it goes on while
-- changes are paused.
CREATE OR REPLACE FUNCTION bursar.mend_wallet(
    p_asset text, p_owner_id text, p_keep boolean, p_reason text, p_actor text
) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_open CONSTANT boolean := bursar.enter_gate();
    v_before jsonb := to_jsonb(bursar.look_asset(p_asset, p_owner_id));
    v_was bursar.wallet_state;
    v_now bursar.wallet_state;
    v_entries bigint;
    v_total numeric;
    v_in_order boolean;
    v_held numeric;
    v_change bigint;
    v_amounts bigint[] := '{}';
    v_posted bursar.posted;
    v_ids bigint[] := '{}';
    v_why text;
BEGIN
    IF v_before ->> 'owner_id' IS NULL THEN
        v_before := NULL;
        PERFORM bursar.open_wallets(jsonb_build_array(
            jsonb_build_object('asset', p_asset, 'owner_id', p_owner_id)));
    END IF;
    -- Lapsed holds are left alone: what is held may be what is wrong.
    v_was := (bursar.lock_owners(p_asset, ARRAY[p_owner_id], true))[1];
    v_before := CASE WHEN v_before IS NOT NULL THEN to_jsonb(v_was) END;
    SELECT count(*), coalesce(sum(e.amount), 0),
        coalesce(bool_and(e.seq = e.place AND e.balance_after = e.running), true)
    INTO v_entries, v_total, v_in_order
    FROM (SELECT o.amount, o.seq, o.balance_after, row_number() OVER own AS place,
            sum(o.amount::numeric) OVER own AS running
        FROM bursar.entry AS o
        WHERE o.owner_id = p_owner_id AND o.asset = p_asset AND o.seq IS NOT NULL
        WINDOW own AS (ORDER BY o.seq)) AS e;
    v_held := (SELECT coalesce(sum(h.amount::numeric - h.captured - h.released - h.expired), 0)
        FROM bursar.hold AS h
        WHERE h.owner_id = p_owner_id AND h.asset = p_asset AND h.status = 'open');
    v_change := v_was.balance - v_total;

    v_why := CASE WHEN NOT v_in_order THEN 'its entries do not follow one another'
        WHEN v_change <> 0 AND v_was.seq <> v_entries AND v_before IS NOT NULL
            THEN 'it says another number of entries than there are, so one may be missing'
        WHEN v_held NOT BETWEEN 0 AND CASE WHEN p_keep THEN v_was.balance ELSE v_total END
            THEN 'its open holds set aside more than it has'
        WHEN v_change <> 0 AND p_keep AND v_was.balance < 0 THEN 'no balance may be negative'
        WHEN v_change <> 0 AND EXISTS (SELECT FROM bursar.wallet AS d
            WHERE d.asset = p_asset || ':owed' AND d.owner_id = p_owner_id AND d.balance > 0)
            THEN 'its owner owes something, which an adjustment would repay' END;
    IF v_why IS NOT NULL THEN
        RETURN jsonb_build_object('status', 'refused', 'why', v_why, 'before', v_before);
    END IF;

    v_now := ROW(p_asset, p_owner_id, v_total, v_held, v_entries, 'open')::bursar.wallet_state;
    IF v_change <> 0 THEN
        -- In the order in which no balance is negative on the way.
        v_amounts := CASE WHEN p_keep THEN ARRAY[v_change]
            ELSE ARRAY[abs(v_change), -abs(v_change)] END;
    END IF;
    FOR i IN 1 .. cardinality(v_amounts) LOOP
        v_posted := bursar.post(ARRAY[v_now],
            ARRAY[ROW(1, 2, 'adjust', p_asset, p_owner_id, v_amounts[i], p_reason, p_actor,
                v_ids[1], NULL, jsonb_build_object('reconciled', CASE
                    WHEN v_amounts[i] = v_change THEN 'recorded a change past the ledger'
                    ELSE 'corrected a change past the ledger' END), NULL, NULL, 'refuse', NULL,
                NULL, NULL, NULL)::bursar.request],
            ARRAY[
                ROW(1, p_asset, p_owner_id, v_amounts[i], 0, 'adjusted'),
                ROW(1, p_asset, 'system:adjustment', -v_amounts[i], 0, 'adjusted')
            ]::bursar.leg[]);
        IF v_posted.outcomes[1] ->> 'status' <> 'done' THEN
            RAISE EXCEPTION 'The wallet of % could not be mended: %', p_owner_id,
                v_posted.outcomes[1] ->> 'message';
        END IF;
        v_ids := v_ids || v_posted.transaction_ids[1];
        v_now.balance := v_now.balance + v_amounts[i];
        v_now.seq := v_now.seq + 1;
    END LOOP;
    v_now.status := CASE WHEN v_was.status IN ('frozen', 'closed') THEN v_was.status
        ELSE 'open' END;
    IF v_now IS DISTINCT FROM bursar.look_asset(p_asset, p_owner_id) THEN
        PERFORM bursar.write_wallets(ARRAY[v_now]);
    END IF;
    -- A trigger of the app's, or ours, may have had its own idea.
    IF v_now IS DISTINCT FROM bursar.look_asset(p_asset, p_owner_id)
        OR v_now.seq <> (SELECT count(*) FROM bursar.entry AS e
            WHERE e.owner_id = p_owner_id AND e.asset = p_asset AND e.seq IS NOT NULL)
    THEN
        RAISE EXCEPTION 'The wallet of % is not what was written.', p_owner_id;
    END IF;
    RETURN jsonb_build_object(
        'status', CASE WHEN to_jsonb(v_now) = v_before THEN 'unchanged' ELSE 'done' END,
        'before', v_before, 'after', to_jsonb(v_now), 'transactions', to_jsonb(v_ids));
END
$$;

COMMENT ON FUNCTION bursar.mend_wallet(text, text, boolean, text, text) IS
    'Brings a wallet that was written past the kernel to what its entries and holds say.';
REVOKE ALL ON FUNCTION bursar.mend_wallet(text, text, boolean, text, text)
    FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.mend_wallet(text, text, boolean, text, text) TO bursar_operator;
