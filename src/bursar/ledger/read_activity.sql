-- requires: ledger/few_words.sql
-- What goes on in this database now: sessions by state, the oldest transactions, who waits for
-- whom. Operators see every session by this, whatever their login may see by itself; where the
-- owner of the schema may not, what sessions of others do is missing. Nothing is locked.

-- Every session of this database but the caller's own, and what it waits for.
CREATE OR REPLACE FUNCTION bursar.read_sessions() RETURNS TABLE (
    pid integer, role name, application text, client text, state text, in_transaction numeric,
    in_state numeric, doing text, waits_for text, waited numeric, blocked_by integer[]
)
LANGUAGE sql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT a.pid, a.usename, coalesce(nullif(a.application_name, ''), a.backend_type),
        host(a.client_addr), coalesce(a.state, 'hidden'),
        round(extract(epoch FROM clock_timestamp() - a.xact_start)::numeric, 1),
        round(extract(epoch FROM clock_timestamp() - a.state_change)::numeric, 1),
        bursar.few_words(a.query),
        CASE WHEN w.pid IS NOT NULL THEN concat_ws(' ', w.mode, w.locktype, w.what) END,
        round(extract(epoch FROM clock_timestamp() - w.waitstart)::numeric, 1),
        CASE WHEN w.pid IS NOT NULL THEN pg_blocking_pids(a.pid) ELSE '{}' END
    FROM pg_stat_activity AS a
    LEFT JOIN LATERAL (SELECT l.pid, l.mode, l.locktype, l.waitstart,
            -- Who waits for a row waits for its writer; the row itself is locked as a tuple.
            coalesce(l.relation, (SELECT t.relation FROM pg_locks AS t
                WHERE t.pid = l.pid AND t.locktype = 'tuple' LIMIT 1))::regclass::text AS what
        FROM pg_locks AS l WHERE l.pid = a.pid AND NOT l.granted LIMIT 1) AS w ON true
    WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
$$;

COMMENT ON FUNCTION bursar.read_sessions() IS 'The sessions of this database, and their waits.';
REVOKE ALL ON FUNCTION bursar.read_sessions() FROM PUBLIC, anon, authenticated;

CREATE OR REPLACE FUNCTION bursar.read_activity(p_limit integer DEFAULT 20) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    WITH session AS MATERIALIZED (SELECT * FROM bursar.read_sessions()),
    waiting AS MATERIALIZED (
        SELECT s.* FROM session AS s WHERE s.waits_for IS NOT NULL
        ORDER BY s.waited DESC NULLS LAST, s.pid LIMIT p_limit),
    blocker AS MATERIALIZED (
        -- A prepared transaction blocks as process 0.
        SELECT b.pid, array_agg(s.pid ORDER BY s.pid) AS blocks
        FROM session AS s CROSS JOIN LATERAL unnest(s.blocked_by) AS b (pid) GROUP BY b.pid)
    SELECT jsonb_build_object(
        'states', (SELECT coalesce(jsonb_agg(to_jsonb(t) ORDER BY t.sessions DESC, t.state), '[]')
            FROM (SELECT s.state, count(*) AS sessions, max(s.in_state) AS longest_seconds
                FROM session AS s GROUP BY s.state) AS t),
        'oldest', (SELECT coalesce(jsonb_agg(to_jsonb(t) - 'waits_for' - 'waited' - 'blocked_by'
                ORDER BY t.in_transaction DESC, t.pid), '[]')
            -- Autovacuum is at work for long, and keeps nobody's rows.
            FROM (SELECT * FROM session AS s WHERE s.in_transaction IS NOT NULL
                    AND s.application <> 'autovacuum worker'
                ORDER BY s.in_transaction DESC, s.pid LIMIT p_limit) AS t),
        'waiting', (SELECT coalesce(jsonb_agg(to_jsonb(w) ORDER BY w.waited DESC NULLS LAST, w.pid),
                '[]') FROM waiting AS w),
        'blockers', (SELECT coalesce(jsonb_agg(jsonb_build_object('pid', b.pid, 'role', s.role,
                'application', s.application, 'client', s.client, 'state',
                CASE WHEN b.pid = 0 THEN 'prepared transaction' ELSE s.state END,
                'in_transaction', s.in_transaction, 'in_state', s.in_state, 'doing', s.doing,
                'waits', s.waits_for IS NOT NULL, 'blocks', b.blocks)
                ORDER BY s.waits_for IS NOT NULL, cardinality(b.blocks) DESC, b.pid), '[]')
            FROM blocker AS b LEFT JOIN session AS s ON s.pid = b.pid))
$$;

COMMENT ON FUNCTION bursar.read_activity(integer) IS
    'Sessions by state, the oldest transactions, and who waits for whom; at most so many of each.';
REVOKE ALL ON FUNCTION bursar.read_activity(integer) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.read_activity(integer)
    TO service_role, bursar_service, bursar_operator;
