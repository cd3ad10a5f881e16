-- The verb of a batch, written into each of its requests.
CREATE OR REPLACE FUNCTION bursar.with_verb(p_requests jsonb, p_verb text) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT CASE jsonb_typeof(p_requests) WHEN 'array' THEN (
        SELECT jsonb_agg(CASE jsonb_typeof(q) WHEN 'object'
            THEN q || jsonb_build_object('verb', p_verb) ELSE q END ORDER BY i)
        FROM jsonb_array_elements(p_requests) WITH ORDINALITY AS t (q, i)) END
$$;

COMMENT ON FUNCTION bursar.with_verb(jsonb, text) IS 'Writes a verb into each request of a batch.';
REVOKE ALL ON FUNCTION bursar.with_verb(jsonb, text) FROM PUBLIC, anon, authenticated;
