-- An inbox that holds events stays: they are the record of what was paid.
DROP FUNCTION IF EXISTS bursar.list_inbox(text, text, text, bigint, integer);
DROP FUNCTION IF EXISTS bursar.count_inbox();
DROP FUNCTION IF EXISTS bursar.read_event(bigint);
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM bursar.inbox) THEN
        DROP TABLE bursar.inbox;
    END IF;
END
$$;
