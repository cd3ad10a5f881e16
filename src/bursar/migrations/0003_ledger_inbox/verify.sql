-- Raises when an event could be taken twice.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_constraint
        WHERE conname = 'inbox_pkey' AND conrelid = to_regclass('bursar.inbox') AND convalidated)
    THEN
        RAISE EXCEPTION 'bursar.inbox has no primary key.';
    END IF;
END
$$;
