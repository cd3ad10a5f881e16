-- requires: claims/store_config.sql
-- Who changed the shop's switches last, newest first: the switch, its value before and after, when,
-- by whom, and why where that was said.
CREATE OR REPLACE FUNCTION bursar.read_switch_changes(p_limit integer DEFAULT 20) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT coalesce(jsonb_agg(to_jsonb(c) ORDER BY c.id DESC), '[]')
    FROM (SELECT id, key, old_value, new_value, actor, reason, changed_at
        FROM public.store_config_changes ORDER BY id DESC
        LIMIT least(greatest(p_limit, 1), 200)) AS c
$$;

COMMENT ON FUNCTION bursar.read_switch_changes(integer) IS
    'Who changed the shop''s switches last.';
REVOKE ALL ON FUNCTION bursar.read_switch_changes(integer) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.read_switch_changes(integer) TO service_role, bursar_service;
