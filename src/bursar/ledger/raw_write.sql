-- requires: ledger/gate.sql
-- requires: ledger/refused.sql
-- requires: ledger/caller.sql
-- What happens when a balance is written by other hands than the kernel's: an operator, a service,
-- an app's own older function. The row's lock is the wallet's lock, so the trigger that turns the
-- write into an entry runs under it and nothing is lost. The kernel moves the sequence with every
-- balance it writes; whoever leaves the sequence alone is a raw writer.

-- Records one raw change: a transaction and its two entries.
CREATE OR REPLACE FUNCTION bursar.record_raw(
    p_asset text, p_owner_id text, p_amount bigint, p_seq bigint, p_balance bigint, p_reason text
) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_id bigint := nextval('bursar.transaction_id_seq');
BEGIN
    INSERT INTO bursar.transaction (
        id, verb, asset, owner_id, amount, reason, actor, created_at)
    VALUES (v_id, 'adjust', p_asset, p_owner_id, p_amount, p_reason,
        'sql:' || bursar.caller_role(), bursar.clock());
    INSERT INTO bursar.entry
    VALUES (v_id, 1, p_asset, p_owner_id, p_amount, p_seq, p_balance, 'adjusted'),
        (v_id, 2, p_asset, 'system:adjustment', -p_amount, NULL, NULL, 'adjusted');
    RETURN v_id;
END
$$;

COMMENT ON FUNCTION bursar.record_raw(text, text, bigint, bigint, bigint, text) IS
    'Records a change of a balance that plain SQL made.';
REVOKE ALL ON FUNCTION bursar.record_raw(text, text, bigint, bigint, bigint, text)
    FROM PUBLIC, anon, authenticated;

-- A balance that was in the table before the ledger: its entry goes on where the entries of this
-- wallet ended, if it was the ledger's before. Answers the wallet's sequence.
CREATE OR REPLACE FUNCTION bursar.record_found(
    p_asset text, p_owner_id text, p_balance bigint
) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_seq bigint := (SELECT coalesce(max(seq), 0) FROM bursar.entry
        WHERE owner_id = p_owner_id AND asset = p_asset AND seq IS NOT NULL);
BEGIN
    IF p_balance > 0 THEN
        v_seq := v_seq + 1;
        PERFORM bursar.record_raw(
            p_asset, p_owner_id, p_balance, v_seq, p_balance, 'opening balance');
    END IF;
    RETURN v_seq;
END
$$;

COMMENT ON FUNCTION bursar.record_found(text, text, bigint) IS
    'Records a balance that was there before the ledger.';
REVOKE ALL ON FUNCTION bursar.record_found(text, text, bigint) FROM PUBLIC, anon, authenticated;

-- The row trigger of every store. Arguments: asset (empty where the row says it), owner column,
-- balance column.
CREATE OR REPLACE FUNCTION bursar.record_raw_write() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_row CONSTANT jsonb := CASE TG_OP WHEN 'DELETE' THEN to_jsonb(OLD) ELSE to_jsonb(NEW) END;
    v_asset CONSTANT text := coalesce(nullif(TG_ARGV[0], ''), v_row ->> 'asset');
    v_owner_id CONSTANT text := v_row ->> TG_ARGV[1];
    v_balance bigint := (v_row ->> TG_ARGV[2])::bigint;
    v_before bigint;
    v_seq bigint;
BEGIN
    -- Operators go on working while changes are paused; everybody else stops here.
    IF NOT pg_has_role(bursar.caller_role(), 'bursar_operator', 'MEMBER')
        AND NOT bursar.enter_gate()
    THEN
        PERFORM bursar.raise_refusal(bursar.refused(lower(TG_OP), 'DEGRADED'));
    END IF;

    -- A table that is being adopted has rows from before, which the ledger has not opened yet.
    IF TG_OP <> 'INSERT' AND OLD.bursar_seq < 0 THEN
        v_seq := -1;
    ELSIF TG_OP <> 'DELETE' AND v_balance IS NULL OR TG_OP = 'INSERT' AND v_balance < 0 THEN
        RAISE EXCEPTION 'The balance of % cannot be %.',
            v_owner_id, coalesce(v_balance::text, 'NULL')
            USING HINT = 'A wallet holds 0 or more.', ERRCODE = CASE WHEN v_balance IS NULL
                THEN 'not_null_violation' ELSE 'check_violation' END;
    END IF;

    IF TG_OP = 'INSERT' THEN
        -- A wallet that was deleted and comes back goes on where its entries ended.
        NEW.bursar_held := 0;
        NEW.bursar_seq := (SELECT coalesce(max(seq), 0) FROM bursar.entry
            WHERE owner_id = v_owner_id AND asset = v_asset AND seq IS NOT NULL)
            + (v_balance <> 0)::integer;
        RETURN NEW;
    ELSIF TG_OP = 'DELETE' THEN
        IF v_seq < 0 THEN
            RETURN OLD;  -- The ledger has never heard of it.
        END IF;
        IF OLD.bursar_held > 0 THEN
            RAISE EXCEPTION 'The wallet of % has an open hold and cannot be deleted.', v_owner_id
                USING ERRCODE = 'restrict_violation', HINT = 'Release its holds first.';
        END IF;
        IF v_balance <> 0 THEN
            PERFORM bursar.record_raw(
                v_asset, v_owner_id, -v_balance, OLD.bursar_seq + 1, 0, 'deleted by SQL');
        END IF;
        RETURN OLD;
    END IF;

    IF to_jsonb(OLD) ->> TG_ARGV[1] IS DISTINCT FROM v_owner_id THEN
        RAISE EXCEPTION 'A wallet cannot change its owner.'
            USING ERRCODE = 'restrict_violation', HINT = 'Use bursar.transfer.';
    END IF;
    v_before := (to_jsonb(OLD) ->> TG_ARGV[2])::bigint;
    IF v_seq < 0 AND coalesce(v_balance, -1) < 0 THEN
        RETURN NEW;  -- No wallet can be opened with this; whoever adopts the table decides.
    END IF;
    IF v_seq < 0 THEN
        -- What was negative or missing counts as nothing: the writer has settled it just now.
        v_before := greatest(coalesce(v_before, 0), 0);
        NEW.bursar_seq := bursar.record_found(v_asset, v_owner_id, v_before);
    END IF;
    IF v_balance <> v_before THEN
        NEW.bursar_seq := NEW.bursar_seq + 1;
        PERFORM bursar.record_raw(v_asset, v_owner_id, v_balance - v_before, NEW.bursar_seq,
            v_balance, 'updated by SQL');
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION bursar.record_raw_write() IS
    'Trigger of every store: turns a raw change of a balance into an entry.';
REVOKE ALL ON FUNCTION bursar.record_raw_write() FROM PUBLIC, anon, authenticated;

-- An INSERT may still turn into an UPDATE (ON CONFLICT) after its BEFORE triggers, so the entry of
-- an opening balance waits until the row is there. It may also have waited for whoever deleted the
-- wallet, so where its entries ended is looked up again. Arguments as above.
CREATE OR REPLACE FUNCTION bursar.record_raw_insert() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_asset CONSTANT text := coalesce(nullif(TG_ARGV[0], ''), to_jsonb(NEW) ->> 'asset');
    v_owner_id CONSTANT text := to_jsonb(NEW) ->> TG_ARGV[1];
    v_balance CONSTANT bigint := (to_jsonb(NEW) ->> TG_ARGV[2])::bigint;
    v_seq bigint := (SELECT coalesce(max(seq), 0) FROM bursar.entry
        WHERE owner_id = v_owner_id AND asset = v_asset AND seq IS NOT NULL);
BEGIN
    IF v_balance <> 0 THEN
        v_seq := v_seq + 1;
        PERFORM bursar.record_raw(
            v_asset, v_owner_id, v_balance, v_seq, v_balance, 'inserted by SQL');
    END IF;
    IF v_seq <> NEW.bursar_seq THEN
        IF NOT coalesce(bursar.write_asset(v_asset, ARRAY[ROW(
            v_asset, v_owner_id, v_balance, 0, v_seq, NEW.bursar_status)::bursar.wallet_state]),
            false)
        THEN
            -- A table that is being adopted is nobody's store yet.
            EXECUTE format('UPDATE %s SET bursar_seq = %s WHERE %I::text = %L',
                TG_RELID::regclass, v_seq, TG_ARGV[1], v_owner_id);
        END IF;
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION bursar.record_raw_insert() IS
    'Trigger of every store: the entry of an opening balance.';
REVOKE ALL ON FUNCTION bursar.record_raw_insert() FROM PUBLIC, anon, authenticated;

-- Signed-in and anonymous roles never write a balance, whatever was granted to them: only who owns
-- the store, operators and services do, and the roles that the trigger's arguments name. This
-- function is no SECURITY DEFINER, so that current_user is the role that writes, also inside an
-- app's own functions.
CREATE OR REPLACE FUNCTION bursar.refuse_raw_write() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    IF NOT (EXISTS (SELECT FROM unnest(TG_ARGV) AS w
            WHERE to_regrole(w) IS NOT NULL AND pg_has_role(current_user, to_regrole(w), 'MEMBER'))
        OR pg_has_role(current_user, 'bursar_operator', 'MEMBER')
        OR pg_has_role(current_user, 'service_role', 'MEMBER')
        OR pg_has_role(current_user,
            (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'MEMBER'))
    THEN
        RAISE EXCEPTION 'Role % may not write balances of %.', current_user, TG_TABLE_NAME
            USING ERRCODE = 'insufficient_privilege',
            HINT = 'Balances are changed through functions such as purchase_reward.';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$;

COMMENT ON FUNCTION bursar.refuse_raw_write() IS
    'Trigger of every store: refuses writers who are neither operator nor service.';
REVOKE ALL ON FUNCTION bursar.refuse_raw_write() FROM PUBLIC, anon, authenticated;

CREATE OR REPLACE FUNCTION bursar.refuse_truncate() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'TRUNCATE of % is refused: it holds wallets.', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', HINT = 'DELETE rows; each deletion becomes an entry.';
END
$$;

COMMENT ON FUNCTION bursar.refuse_truncate() IS 'Trigger of every store: refuses TRUNCATE.';
REVOKE ALL ON FUNCTION bursar.refuse_truncate() FROM PUBLIC, anon, authenticated;

-- The readable word before the CHECK constraint speaks. Argument: balance column.
CREATE OR REPLACE FUNCTION public.prevent_negative_balance() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'Balance cannot be negative: %.% would become %.',
        TG_TABLE_NAME, TG_ARGV[0], to_jsonb(NEW) ->> TG_ARGV[0]
        USING ERRCODE = 'check_violation',
        HINT = 'Take no more than the wallet has.';
END
$$;

COMMENT ON FUNCTION public.prevent_negative_balance() IS
    'Trigger: refuses a negative balance in words.';
-- By name: some hosts grant every new function of `public` to these roles.
REVOKE ALL ON FUNCTION public.prevent_negative_balance()
    FROM PUBLIC, anon, authenticated, service_role;
