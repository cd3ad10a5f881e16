-- requires: ledger/clock.sql
-- Checks that operators begin at the console: one of a kind at a time, whichever process has it.
-- These texts name the table only when they run: they are applied as well where the step of the
-- console has been undone.

-- Begins a check of `p_kind`, unless one is at work. One that has been for `p_seconds` was cut off.
-- Answers {begun}; the newest thirty of the kind are kept.
CREATE OR REPLACE FUNCTION bursar.begin_check(
    p_id text, p_kind text, p_actor text, p_seconds integer
) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('bursar.begin_check ' || p_kind, 0));
    UPDATE bursar.check_run SET status = 'failed', ended_at = bursar.clock(),
        said = 'It was cut off: the service that was at it has stopped, or took too long.'
    WHERE kind = p_kind AND status = 'running'
        AND started_at <= bursar.clock() - make_interval(secs => p_seconds);
    IF EXISTS (SELECT FROM bursar.check_run WHERE kind = p_kind AND status = 'running') THEN
        RETURN '{"begun": false}';
    END IF;
    DELETE FROM bursar.check_run WHERE id IN (SELECT id FROM bursar.check_run
        WHERE kind = p_kind ORDER BY started_at DESC OFFSET 29);
    INSERT INTO bursar.check_run (id, kind, actor, status, started_at)
    VALUES (p_id::uuid, p_kind, p_actor, 'running', bursar.clock());
    RETURN '{"begun": true}';
END
$$;

COMMENT ON FUNCTION bursar.begin_check(text, text, text, integer) IS
    'Begins a check at the console, unless one of its kind is at work.';
REVOKE ALL ON FUNCTION bursar.begin_check(text, text, text, integer)
    FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.begin_check(text, text, text, integer)
    TO service_role, bursar_service;

-- Notes how far a check is.
CREATE OR REPLACE FUNCTION bursar.note_check(p_id text, p_done integer, p_parts integer)
RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    UPDATE bursar.check_run SET done = p_done, parts = p_parts
    WHERE id = p_id::uuid AND status = 'running';
    RETURN jsonb_build_object('running', FOUND);
END
$$;

COMMENT ON FUNCTION bursar.note_check(text, integer, integer) IS 'Notes how far a check is.';
REVOKE ALL ON FUNCTION bursar.note_check(text, integer, integer) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.note_check(text, integer, integer)
    TO service_role, bursar_service;

-- Ends a check, once: `p_healthy` is true, false or NULL as text, `p_report` is JSON.
CREATE OR REPLACE FUNCTION bursar.end_check(
    p_id text, p_status text, p_healthy text, p_said text, p_report text
) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    UPDATE bursar.check_run SET status = p_status, healthy = p_healthy::boolean, said = p_said,
        report = p_report::jsonb, ended_at = bursar.clock()
    WHERE id = p_id::uuid AND status = 'running';
    RETURN jsonb_build_object('ended', FOUND);
END
$$;

COMMENT ON FUNCTION bursar.end_check(text, text, text, text, text) IS
    'Ends a check at the console, with what it found.';
REVOKE ALL ON FUNCTION bursar.end_check(text, text, text, text, text)
    FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.end_check(text, text, text, text, text)
    TO service_role, bursar_service;

-- Of each kind the newest check, and the newest that came to its end; without their reports.
CREATE OR REPLACE FUNCTION bursar.read_check_heads() RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    IF to_regclass('bursar.check_run') IS NULL THEN
        RETURN '{}';
    END IF;
    RETURN (SELECT jsonb_object_agg(k.kind, jsonb_build_object(
            'newest', (SELECT to_jsonb(c) - 'report' FROM bursar.check_run AS c
                WHERE c.kind = k.kind ORDER BY c.started_at DESC LIMIT 1),
            'ended', (SELECT to_jsonb(c) - 'report' FROM bursar.check_run AS c
                WHERE c.kind = k.kind AND c.status = 'done' ORDER BY c.started_at DESC LIMIT 1)))
        FROM unnest(ARRAY['audit', 'doctor']) AS k (kind));
END
$$;

COMMENT ON FUNCTION bursar.read_check_heads() IS 'The newest checks of the console, by kind.';
REVOKE ALL ON FUNCTION bursar.read_check_heads() FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.read_check_heads()
    TO service_role, bursar_service, bursar_operator;

-- The same with the report of the newest that came to its end, and those before it.
CREATE OR REPLACE FUNCTION bursar.read_checks() RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    IF to_regclass('bursar.check_run') IS NULL THEN
        RETURN '{}';
    END IF;
    RETURN (SELECT jsonb_object_agg(h.key, h.value || jsonb_build_object(
            'report', (SELECT c.report FROM bursar.check_run AS c
                WHERE c.id = (h.value #>> '{ended,id}')::uuid),
            'history', (SELECT coalesce(jsonb_agg(to_jsonb(c) - 'report'
                    ORDER BY c.started_at DESC), '[]')
                FROM bursar.check_run AS c WHERE c.kind = h.key)))
        FROM jsonb_each(bursar.read_check_heads()) AS h);
END
$$;

COMMENT ON FUNCTION bursar.read_checks() IS 'The checks of the console, with the newest report.';
REVOKE ALL ON FUNCTION bursar.read_checks() FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.read_checks() TO service_role, bursar_service, bursar_operator;
