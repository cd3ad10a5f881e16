-- Seals that were made stay: they are the proof of what was there.
DO $$
BEGIN
    IF EXISTS (SELECT FROM bursar.seal) THEN
        RETURN;
    END IF;
    DROP FUNCTION IF EXISTS bursar.seal_ledger(text, integer, integer);
    DROP FUNCTION IF EXISTS bursar.write_seal(bigint, bigint, text);
    DROP FUNCTION IF EXISTS bursar.seal_head();
    DROP FUNCTION IF EXISTS bursar.settled_id(integer);
    DROP FUNCTION IF EXISTS bursar.record_checkpoint(bigint, timestamptz, text);
    DROP TABLE bursar.seal, bursar.seal_block, bursar.seal_checkpoint;
END
$$;
