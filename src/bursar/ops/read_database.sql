-- What this database is called, whether it is marked production (ops/production.py writes the
-- mark), and which schema it has. For pages and commands that only have the service's login.
CREATE OR REPLACE FUNCTION bursar.read_database() RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT jsonb_build_object(
        'name', current_database(),
        'production', lower(coalesce((
                SELECT max(substr(setting, strpos(setting, '=') + 1))
                FROM pg_db_role_setting AS s, unnest(s.setconfig) AS setting
                WHERE s.setdatabase = d.oid AND s.setrole = 0
                    AND setting LIKE 'bursar.environment=%'), '')) = 'production'
            OR 'bursar.environment = production' = ANY (
                string_to_array(coalesce(shobj_description(d.oid, 'pg_database'), ''), E'\n')),
        'version', current_setting('server_version'))
    FROM pg_database AS d WHERE d.datname = current_database()
$$;

COMMENT ON FUNCTION bursar.read_database() IS
    'The name of this database, and whether it is marked production.';
REVOKE ALL ON FUNCTION bursar.read_database() FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.read_database() TO service_role, bursar_service, bursar_operator;
