-- What the migration runner remembers (ops/migrate/bookkeeping.sql), without the texts: which steps
-- and which routines are in force. For pages that only have the service's login.
CREATE OR REPLACE FUNCTION bursar.read_migrations() RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    IF to_regclass('bursar_meta.routine') IS NULL THEN
        RETURN '{"known": false, "steps": [], "routines": [], "rooms": null}';
    END IF;
    RETURN jsonb_build_object('known', true,
        'steps', (SELECT coalesce(jsonb_agg(to_jsonb(s) ORDER BY s.number), '[]')
            FROM bursar_meta.step AS s),
        'routines', (SELECT coalesce(jsonb_agg(jsonb_build_object('path', r.path,
                'release', r.release, 'checksum', r.checksum) ORDER BY r.path), '[]')
            FROM (SELECT DISTINCT ON (path) path, release, checksum
                FROM bursar_meta.routine ORDER BY path, release DESC) AS r
            WHERE r.checksum IS NOT NULL),
        'rooms', (SELECT to_jsonb(l.rooms) FROM bursar_meta.release AS l
            ORDER BY l.release DESC LIMIT 1));
END
$$;

COMMENT ON FUNCTION bursar.read_migrations() IS 'The steps and routines that are in force.';
REVOKE ALL ON FUNCTION bursar.read_migrations() FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.read_migrations() TO service_role, bursar_service;
