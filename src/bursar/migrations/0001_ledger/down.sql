-- Takes the ledger away, and refuses where that would lose entries. Roles stay: other databases of
-- the server use them. The schema auth stays too: it may not be ours, and policies elsewhere may
-- call it.
DO $$
BEGIN
    IF EXISTS (SELECT FROM bursar.entry) THEN
        RAISE EXCEPTION 'The ledger holds entries; the way down would lose them.'
            USING HINT = 'Keep the ledger, or restore a backup from before it into a new database.';
    END IF;
END
$$;
DROP SCHEMA bursar CASCADE;
-- Tables that were kept because there are rows in them keep this guard of theirs.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_trigger
        WHERE tgfoid = to_regprocedure('public.prevent_negative_balance()'))
    THEN
        DROP FUNCTION IF EXISTS public.prevent_negative_balance();
    END IF;
END
$$;
