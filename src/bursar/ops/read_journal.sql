-- requires: ops/journal.sql
-- The operations journal for pages: newest first, the next page begins before the operation
-- `p_before`. Answers what fits, at most 200, and whether there is more.
CREATE OR REPLACE FUNCTION bursar.read_journal(p_before text, p_limit integer DEFAULT 50)
RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_limit CONSTANT integer := least(greatest(p_limit, 1), 200);
    v_before bursar.operation;
    v_found jsonb;
BEGIN
    SELECT * INTO v_before FROM bursar.operation WHERE id = p_before::uuid;
    SELECT coalesce(jsonb_agg(to_jsonb(o) ORDER BY o.started_at DESC, o.id DESC), '[]')
    INTO v_found
    FROM (SELECT * FROM bursar.operation AS o
        WHERE (o.started_at, o.id) < (coalesce(v_before.started_at, 'infinity'),
            coalesce(v_before.id, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
        ORDER BY o.started_at DESC, o.id DESC LIMIT v_limit + 1) AS o;
    RETURN jsonb_build_object('more', jsonb_array_length(v_found) > v_limit,
        'operations', CASE WHEN jsonb_array_length(v_found) > v_limit
            THEN v_found - v_limit ELSE v_found END);
END
$$;

COMMENT ON FUNCTION bursar.read_journal(text, integer) IS
    'One page of the operations journal, newest first.';
REVOKE ALL ON FUNCTION bursar.read_journal(text, integer) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.read_journal(text, integer) TO service_role, bursar_service;

-- One operation with its whole plan; NULL where there is none.
CREATE OR REPLACE FUNCTION bursar.read_operation(p_id text) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT to_jsonb(o) FROM bursar.operation AS o WHERE o.id = p_id::uuid
$$;

COMMENT ON FUNCTION bursar.read_operation(text) IS 'One operation of the journal.';
REVOKE ALL ON FUNCTION bursar.read_operation(text) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.read_operation(text) TO service_role, bursar_service;
