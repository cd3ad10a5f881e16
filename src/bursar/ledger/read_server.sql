-- requires: ledger/few_words.sql
-- How the server stands: connections against their limit, the log, replicas, tables with many dead
-- rows, statements that are slow. What the owner of the schema may not see is null.

-- The slowest statements by the time that all of their calls took, where the server counts them.
CREATE OR REPLACE FUNCTION bursar.read_slow_statements(p_limit integer) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_schema name;
    v_slow jsonb;
BEGIN
    SELECT n.nspname INTO v_schema FROM pg_extension AS e
    JOIN pg_namespace AS n ON n.oid = e.extnamespace WHERE e.extname = 'pg_stat_statements';
    IF v_schema IS NULL THEN
        RETURN '{"counted": false, "why": "pg_stat_statements is not installed here"}';
    END IF;
    EXECUTE format($q$
        SELECT coalesce(jsonb_agg(to_jsonb(t) ORDER BY t.total_ms DESC), '[]')
        FROM (SELECT s.calls, round(s.total_exec_time::numeric) AS total_ms,
                round(s.mean_exec_time::numeric, 2) AS mean_ms,
                round(s.max_exec_time::numeric, 1) AS max_ms, bursar.few_words(s.query) AS doing
            FROM %I.pg_stat_statements AS s
            WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
            ORDER BY s.total_exec_time DESC LIMIT $1) AS t$q$, v_schema)
    INTO v_slow USING p_limit;
    RETURN jsonb_build_object('counted', true, 'statements', v_slow);
EXCEPTION WHEN object_not_in_prerequisite_state OR insufficient_privilege THEN
    RETURN jsonb_build_object('counted', false, 'why', SQLERRM);
END
$$;

COMMENT ON FUNCTION bursar.read_slow_statements(integer) IS 'The slowest statements, if counted.';
REVOKE ALL ON FUNCTION bursar.read_slow_statements(integer) FROM PUBLIC, anon, authenticated;

-- The size of the log on the disk, in bytes; null where the owner may not see it.
CREATE OR REPLACE FUNCTION bursar.wal_bytes() RETURNS numeric
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN (SELECT sum(size) FROM pg_ls_waldir());
EXCEPTION WHEN insufficient_privilege THEN
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION bursar.wal_bytes() IS 'Size of the log on the disk, in bytes.';
REVOKE ALL ON FUNCTION bursar.wal_bytes() FROM PUBLIC, anon, authenticated;

-- The newest step of the schema; the runner's bookkeeping is its own.
CREATE OR REPLACE FUNCTION bursar.schema_step() RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_name text;
BEGIN
    IF to_regclass('bursar_meta.step') IS NOT NULL THEN
        SELECT s.name INTO v_name FROM bursar_meta.step AS s ORDER BY s.number DESC LIMIT 1;
    END IF;
    RETURN v_name;
END
$$;

COMMENT ON FUNCTION bursar.schema_step() IS 'The newest step of the schema that is applied.';
REVOKE ALL ON FUNCTION bursar.schema_step() FROM PUBLIC, anon, authenticated;

CREATE OR REPLACE FUNCTION bursar.read_server(p_limit integer DEFAULT 10) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT jsonb_build_object(
        'database', current_database(), 'server', current_setting('server_version'),
        'schema', bursar.schema_step(), 'in_recovery', pg_is_in_recovery(),
        'database_bytes', pg_database_size(current_database()), 'wal_bytes', bursar.wal_bytes(),
        'connections', jsonb_build_object(
            'used', (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
            'limit', current_setting('max_connections')::integer,
            'reserved', current_setting('superuser_reserved_connections')::integer),
        'deadlocks', (SELECT d.deadlocks FROM pg_stat_database AS d
            WHERE d.datname = current_database()),
        'replicas', (SELECT coalesce(jsonb_agg(jsonb_build_object('application', r.application_name,
                'state', r.state, 'sync', r.sync_state,
                'lag_seconds', round(extract(epoch FROM r.replay_lag)::numeric, 1),
                'lag_bytes', CASE WHEN NOT pg_is_in_recovery()
                    THEN pg_wal_lsn_diff(pg_current_wal_lsn(), r.replay_lsn) END)
                ORDER BY r.application_name, r.pid), '[]') FROM pg_stat_replication AS r),
        -- A slot that nobody reads keeps the log until the disk is full.
        'slots', (SELECT coalesce(jsonb_agg(jsonb_build_object('slot', s.slot_name,
                'active', s.active, 'keeps_bytes', CASE WHEN NOT pg_is_in_recovery()
                    THEN pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn) END)
                ORDER BY s.slot_name), '[]') FROM pg_replication_slots AS s),
        'tables', (SELECT coalesce(jsonb_agg(to_jsonb(t) ORDER BY t.dead DESC, t."table"), '[]')
            FROM (SELECT u.relid::regclass::text AS "table", u.n_live_tup AS live,
                    u.n_dead_tup AS dead, pg_total_relation_size(u.relid) AS bytes,
                    greatest(u.last_autovacuum, u.last_vacuum) AS vacuumed_at
                FROM pg_stat_user_tables AS u WHERE u.n_dead_tup > 0
                ORDER BY u.n_dead_tup DESC, u.relid LIMIT p_limit) AS t),
        'slow', bursar.read_slow_statements(p_limit))
$$;

COMMENT ON FUNCTION bursar.read_server(integer) IS
    'How the server stands: connections, log, replicas, dead rows, slow statements.';
REVOKE ALL ON FUNCTION bursar.read_server(integer) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.read_server(integer)
    TO service_role, bursar_service, bursar_operator;
