-- requires: ledger/gate.sql
-- requires: ledger/caller.sql
-- requires: ledger/append_only.sql
-- What happens when a booster's end is written by other hands than a verb's. The row's lock is the
-- wallet's lock, so the record is made under it. A verb moves `booster_seq` and records the change
-- itself; whoever leaves it alone is a raw writer, and the change is recorded here.
CREATE OR REPLACE FUNCTION bursar.keep_booster() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.booster_seq := (SELECT coalesce(max(seq), 0) FROM public.booster_changes
            WHERE user_id = NEW.user_id) + (NEW.xp_booster_until IS NOT NULL)::integer;
        RETURN NEW;
    END IF;
    IF NEW.updated_at = OLD.updated_at THEN
        NEW.updated_at := bursar.clock();
    END IF;
    IF NEW.xp_booster_until IS DISTINCT FROM OLD.xp_booster_until
        AND NEW.booster_seq = OLD.booster_seq
    THEN
        IF NOT pg_has_role(bursar.caller_role(), 'bursar_operator', 'MEMBER')
            AND NOT bursar.enter_gate()
        THEN
            PERFORM bursar.raise_refusal(bursar.refused('update', 'DEGRADED'));
        END IF;
        NEW.booster_seq := OLD.booster_seq + 1;
        INSERT INTO public.booster_changes
        VALUES (NEW.user_id, NEW.booster_seq, OLD.xp_booster_until, NEW.xp_booster_until, 'sql',
            NULL, 'sql:' || bursar.caller_role(), bursar.clock());
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION bursar.keep_booster() IS
    'Trigger of user_wallet_balances: records a raw change of a booster.';
REVOKE ALL ON FUNCTION bursar.keep_booster() FROM PUBLIC, anon, authenticated;

-- The booster that a new row brings, or that goes with a deleted one. An INSERT may still turn into
-- an UPDATE (ON CONFLICT) after its BEFORE triggers, so its record waits until the row is there.
CREATE OR REPLACE FUNCTION bursar.record_booster_row() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    INSERT INTO public.booster_changes
    VALUES (coalesce(NEW.user_id, OLD.user_id), coalesce(NEW.booster_seq, OLD.booster_seq + 1),
        OLD.xp_booster_until, NEW.xp_booster_until, 'sql', NULL, 'sql:' || bursar.caller_role(),
        bursar.clock());
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION bursar.record_booster_row() IS
    'Trigger of user_wallet_balances: records the booster that comes or goes with a row.';
REVOKE ALL ON FUNCTION bursar.record_booster_row() FROM PUBLIC, anon, authenticated;
