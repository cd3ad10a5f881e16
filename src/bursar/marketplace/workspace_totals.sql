-- requires: ledger/raw_write.sql
-- What the entries of a workspace come to, by kind: those behind one place in its sequence, up to
-- another. Answers purchased, earned and used.
CREATE OR REPLACE FUNCTION bursar.count_workspace_entries(
    p_workspace_id uuid, p_after bigint, p_upto bigint
) RETURNS bigint[]
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT ARRAY[coalesce(sum(e.amount) FILTER (WHERE x.kind = 'purchased'), 0),
            coalesce(sum(e.amount) FILTER (WHERE x.kind = 'earned'), 0),
            coalesce(-sum(e.amount) FILTER (WHERE x.kind = 'used'), 0)]
        FROM bursar.entry AS e
        CROSS JOIN LATERAL (SELECT o.corrects FROM bursar.transaction AS o
        WHERE o.id = e.transaction_id LIMIT 1) AS t
        -- A debt is repaid by whatever comes next, and corrects nothing.
        LEFT JOIN LATERAL (SELECT c.amount, c.bucket FROM bursar.entry AS c
            WHERE c.transaction_id = t.corrects AND c.owner_id = e.owner_id AND c.asset = e.asset
                AND c.bucket <> 'debt' AND e.bucket <> 'debt'
            ORDER BY c.line LIMIT 1) AS first ON true
        CROSS JOIN LATERAL (SELECT CASE
            WHEN coalesce(first.bucket, e.bucket) = 'purchased' THEN 'purchased'
            WHEN coalesce(first.amount, e.amount) > 0 THEN 'earned'
            ELSE 'used' END AS kind) AS x
        WHERE e.owner_id = p_workspace_id::text AND e.asset = 'workspace_credit'
            AND e.seq > p_after AND e.seq <= p_upto
    );
END
$$;

COMMENT ON FUNCTION bursar.count_workspace_entries(uuid, bigint, bigint) IS
    'What the entries of a workspace come to: purchased, earned and used.';
REVOKE ALL ON FUNCTION bursar.count_workspace_entries(uuid, bigint, bigint)
    FROM PUBLIC, anon, authenticated;

-- The three totals of a workspace's credits, kept with the balance: whatever changes the balance, a
-- verb or plain SQL, left its entries, and they say what it was.
--
--   purchased   entries of bucket `purchased`: a card payment, a store purchase
--   earned      every other credit: payouts, promotions, adjustments upwards
--   used        every other debit: purchases, transfers, adjustments downwards, debts repaid
--
-- An entry of a transaction that corrects another is counted where that one was: a refunded
-- purchase lowers what was used, a payout taken back lowers what was earned, a top-up charged back
-- lowers what was purchased. A wallet that was deleted and comes back goes on where its totals
-- ended. What plain SQL says of the totals itself is kept, if it adds up, and stands in the audit
-- log.
CREATE OR REPLACE FUNCTION bursar.keep_workspace_totals() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_said CONSTANT bigint[] := ARRAY[NEW.total_purchased, NEW.total_earned, NEW.total_used];
    -- What was there before, and up to which entry it was counted.
    v_totals bigint[] := '{0, 0, 0}';
    v_counted bigint := 0;
    v_balance bigint := 0;
    v_kinds bigint[]; v_purchased bigint; v_earned bigint; v_used bigint;
    v_amount bigint; v_bucket text;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        NEW.updated_at := greatest(NEW.updated_at, bursar.clock());
        v_totals := ARRAY[OLD.total_purchased, OLD.total_earned, OLD.total_used];
        v_counted := OLD.bursar_seq;
        v_balance := OLD.balance;
    END IF;
    IF v_said <> v_totals THEN
        -- What the entries come to is no word of anybody's: `bursar reconcile` writes it.
        IF v_said = bursar.count_workspace_entries(NEW.workspace_id, 0, NEW.bursar_seq)
            AND NEW.balance = v_balance
        THEN
            RETURN NEW;
        END IF;
        INSERT INTO public.audit_logs (action, actor, workspace_id, details, created_at)
        VALUES ('workspace_totals_set', 'sql:' || bursar.caller_role(), NEW.workspace_id,
            jsonb_build_object('totals_before', v_totals, 'totals', v_said,
                'balance_before', v_balance, 'balance', NEW.balance), bursar.clock());
        RETURN NEW;
    END IF;
    -- Mostly there is one entry, and its bucket tells that it corrects nothing: whatever does has a
    -- bucket of its own, `refund` or `reinstated`. A short statement is enough for it.
    IF TG_OP = 'UPDATE' AND NEW.bursar_seq = v_counted + 1 THEN
        SELECT e.amount, e.bucket INTO v_amount, v_bucket
        FROM bursar.entry AS e
        WHERE e.owner_id = NEW.workspace_id::text AND e.asset = 'workspace_credit'
            AND e.seq = NEW.bursar_seq AND e.bucket IN ('purchased', 'earned', 'used');
        IF v_amount = NEW.balance - v_balance THEN
            IF v_bucket = 'purchased' THEN
                NEW.total_purchased := NEW.total_purchased + v_amount;
            ELSIF v_amount > 0 THEN
                NEW.total_earned := NEW.total_earned + v_amount;
            ELSE
                NEW.total_used := NEW.total_used - v_amount;
            END IF;
            RETURN NEW;
        END IF;
    END IF;
    LOOP
        v_kinds := bursar.count_workspace_entries(
            NEW.workspace_id, v_counted, NEW.bursar_seq);
        v_purchased := v_kinds[1];
        v_earned := v_kinds[2];
        v_used := v_kinds[3];
        IF TG_OP = 'INSERT' THEN
            -- The entry of what it opens with comes once the row is there.
            v_earned := v_earned + NEW.balance;
        END IF;
        EXIT WHEN v_purchased + v_earned - v_used = NEW.balance - v_balance OR v_counted = 0;
        -- The sequence alone has moved, past what another session did to a wallet of this name
        -- while this row was on its way: all of it is counted anew.
        v_totals := '{0, 0, 0}';
        v_counted := 0;
        v_balance := 0;
    END LOOP;
    IF v_purchased + v_earned - v_used = NEW.balance - v_balance THEN
        NEW.total_purchased := v_totals[1] + v_purchased;
        NEW.total_earned := v_totals[2] + v_earned;
        NEW.total_used := v_totals[3] + v_used;
    ELSIF TG_OP = 'INSERT' THEN
        NEW.total_earned := NEW.balance;
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION bursar.keep_workspace_totals() IS
    'Trigger of workspace_credits: keeps the totals with the balance.';
REVOKE ALL ON FUNCTION bursar.keep_workspace_totals() FROM PUBLIC, anon, authenticated;
