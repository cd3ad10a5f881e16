-- Every writer enters here before it reads anything. The gate's lock is held to the end of the
-- transaction, so whoever closes the gate sets the flag, commits, and then sees by the lock which
-- writers began before and are still open (`degraded.sql`). The flag is read in the statement after
-- the lock; a snapshot older than the lock could not see it, which is why other isolation levels
-- are refused.
CREATE OR REPLACE FUNCTION bursar.enter_gate() RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'Bursar writes in READ COMMITTED transactions only.'
            USING ERRCODE = 'feature_not_supported',
            HINT = 'Call outside of a transaction, or begin it with READ COMMITTED.';
    END IF;
    LOCK TABLE bursar.gate IN ROW EXCLUSIVE MODE;
    RETURN (SELECT NOT degraded FROM bursar.gate);
END
$$;

COMMENT ON FUNCTION bursar.enter_gate() IS
    'Takes the writers'' side of the gate and answers whether it is open.';
REVOKE ALL ON FUNCTION bursar.enter_gate() FROM PUBLIC, anon, authenticated;
