-- requires: ledger/grant.sql
-- requires: ledger/spend.sql
-- requires: ledger/transfer.sql
-- requires: ledger/adjust.sql
-- requires: ledger/hold.sql
-- requires: ledger/capture.sql
-- requires: ledger/release.sql
-- requires: ledger/refund.sql
-- requires: ledger/freeze.sql
-- What each verb does to each wallet: one function per verb, in the verb's own file.
CREATE OR REPLACE FUNCTION bursar.legs(q bursar.instruction) RETURNS bursar.leg[]
LANGUAGE sql STABLE
RETURN CASE (q).verb
    WHEN 'grant' THEN bursar.grant_legs(q)
    WHEN 'spend' THEN bursar.spend_legs(q)
    WHEN 'transfer' THEN bursar.transfer_legs(q)
    WHEN 'adjust' THEN bursar.adjust_legs(q)
    WHEN 'hold' THEN bursar.hold_legs(q)
    WHEN 'capture' THEN bursar.capture_legs(q)
    WHEN 'release' THEN bursar.release_legs(q)
    WHEN 'refund' THEN bursar.refund_legs(q)
    WHEN 'freeze' THEN bursar.freeze_legs(q)
END;

COMMENT ON FUNCTION bursar.legs(bursar.instruction) IS 'What a request does to each wallet.';
REVOKE ALL ON FUNCTION bursar.legs(bursar.instruction) FROM PUBLIC, anon, authenticated;
