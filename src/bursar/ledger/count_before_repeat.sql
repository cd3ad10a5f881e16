-- Requests that share a name (a key, a hold, an item) depend on each other and are not decided
-- together. Given names and the places of the requests they belong to, answers how many requests,
-- from the first on, come before one that repeats a name. NULL names nothing.
CREATE OR REPLACE FUNCTION bursar.count_before_repeat(p_n integer[], p_names text[])
RETURNS integer
LANGUAGE sql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT coalesce(min(r.n) FILTER (WHERE r.place > 1 AND r.name IS NOT NULL) - 1, max(r.n))
    FROM (SELECT k.n, k.name, row_number() OVER (PARTITION BY k.name ORDER BY k.n) AS place
        FROM unnest(p_n, p_names) AS k (n, name)) AS r
$$;

COMMENT ON FUNCTION bursar.count_before_repeat(integer[], text[]) IS
    'How many requests can be decided together.';
REVOKE ALL ON FUNCTION bursar.count_before_repeat(integer[], text[])
    FROM PUBLIC, anon, authenticated;
