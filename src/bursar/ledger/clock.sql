-- The one clock of the ledger. It is read after a lock was waited for, so that expiry, caps and
-- rate limits are decided by the time of the decision and not by that of the transaction's start.
-- Tests replace this function; nothing a caller can set changes it.
CREATE OR REPLACE FUNCTION bursar.clock() RETURNS timestamptz
LANGUAGE sql VOLATILE
RETURN clock_timestamp();

COMMENT ON FUNCTION bursar.clock() IS 'The time by which the ledger decides.';
REVOKE ALL ON FUNCTION bursar.clock() FROM PUBLIC, anon, authenticated;
