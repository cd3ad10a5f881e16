-- A journal that holds operations stays, with what guards it: this way down is one of them.
DO $$
BEGIN
    IF EXISTS (SELECT FROM bursar.operation) THEN
        RETURN;
    END IF;
    DROP FUNCTION IF EXISTS bursar.begin_console_operation(text, text, text, text);
    DROP FUNCTION IF EXISTS bursar.end_console_operation(text, text, text);
    DROP FUNCTION IF EXISTS bursar.read_database();
    DROP FUNCTION IF EXISTS bursar.begin_operation(uuid, text, text, text[]);
    DROP FUNCTION IF EXISTS bursar.end_operation(uuid, text, text, text[], text, text, interval);
    DROP FUNCTION IF EXISTS bursar.read_operations(integer);
    DROP TABLE bursar.operation;
    DROP FUNCTION IF EXISTS bursar.end_once();
END
$$;
