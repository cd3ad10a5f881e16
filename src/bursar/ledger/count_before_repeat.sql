-- Requests that share a name (a key, a hold, an item) depend on each other and are not decided
-- together. Given a name for each request, in order, answers how many requests come before the
-- first that repeats a name. NULL names nothing.
CREATE OR REPLACE FUNCTION bursar.count_before_repeat(p_names anyarray) RETURNS integer
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT coalesce(min(r.n) - 1, cardinality(p_names))
        FROM (SELECT t.n, row_number() OVER (PARTITION BY t.name ORDER BY t.n) AS place
            FROM unnest(p_names) WITH ORDINALITY AS t (name, n) WHERE t.name IS NOT NULL) AS r
        WHERE r.place > 1);
END
$$;

COMMENT ON FUNCTION bursar.count_before_repeat(anyarray) IS
    'How many requests can be decided together.';
REVOKE ALL ON FUNCTION bursar.count_before_repeat(anyarray) FROM PUBLIC, anon, authenticated;
