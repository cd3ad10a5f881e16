-- Raises when a check could be kept that is neither at work nor has ended.
DO $$
DECLARE
    v_found bigint;
BEGIN
    SELECT count(*) INTO v_found FROM pg_constraint
    WHERE convalidated AND (conrelid, conname) IN (
        (to_regclass('bursar.check_run'), 'check_run_pkey'),
        (to_regclass('bursar.check_run'), 'check_run_kind'),
        (to_regclass('bursar.check_run'), 'check_run_status'),
        (to_regclass('bursar.check_run'), 'check_run_ended'));
    IF v_found <> 4 THEN
        RAISE EXCEPTION 'bursar.check_run lacks a constraint: % of 4 were found.', v_found;
    END IF;
END
$$;
