-- How far jobs are, for those who wait for them: one statement for all that anybody watches. A mark
-- is another one whenever a user would see a change.
CREATE OR REPLACE FUNCTION bursar.read_generation_marks(p_job_ids text) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
SET enable_seqscan = off
AS $$
    SELECT coalesce(jsonb_object_agg(j.id, j.status || ' ' || j.attempts), '{}')
    FROM public.generation_jobs AS j
    WHERE j.id = ANY (string_to_array(p_job_ids, ',')::uuid[])
$$;

COMMENT ON FUNCTION bursar.read_generation_marks(text) IS
    'How far jobs are, for those who wait for a change.';
REVOKE ALL ON FUNCTION bursar.read_generation_marks(text) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.read_generation_marks(text) TO service_role, bursar_service;
