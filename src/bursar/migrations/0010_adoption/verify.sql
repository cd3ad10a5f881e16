-- Raises when the table of adoptions lacks what keeps its rows sound.
DO $$
DECLARE
    v_found bigint;
BEGIN
    SELECT count(*) INTO v_found FROM pg_constraint
    WHERE conrelid = to_regclass('bursar.adoption') AND convalidated
        AND conname IN (
            'adoption_pkey', 'adoption_stage', 'adoption_negative', 'adoption_missing');
    IF v_found <> 4 THEN
        RAISE EXCEPTION 'bursar.adoption lacks a constraint: % of 4 were found.', v_found;
    END IF;
    IF NOT (SELECT relrowsecurity FROM pg_class WHERE oid = 'bursar.adoption'::regclass) THEN
        RAISE EXCEPTION 'bursar.adoption is without row-level security.';
    END IF;
END
$$;
