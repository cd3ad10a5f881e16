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
DROP FUNCTION IF EXISTS public.prevent_negative_balance();
