-- Raises when the journal would take what is no end of an operation.
DO $$
DECLARE
    v_found bigint;
BEGIN
    SELECT count(*) INTO v_found FROM pg_constraint
    WHERE conrelid = to_regclass('bursar.operation') AND convalidated
        AND conname IN ('operation_pkey', 'operation_status', 'operation_ended');
    IF v_found <> 3 THEN
        RAISE EXCEPTION 'bursar.operation lacks a constraint: % of 3 were found.', v_found;
    END IF;
END
$$;
