-- requires: ledger/append_only.sql
-- requires: ledger/clock.sql
-- The operations journal is written twice for each operation, when it begins and when it ends, and
-- never otherwise. The operator's login writes it, whatever its rights on tables; the service only
-- reads it.
CREATE OR REPLACE FUNCTION bursar.end_once() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    IF OLD.status <> 'running' OR NEW.status = 'running'
        OR (NEW.id, NEW.command, NEW.actor, NEW.role, NEW.plan, NEW.started_at)
            IS DISTINCT FROM (OLD.id, OLD.command, OLD.actor, OLD.role, OLD.plan, OLD.started_at)
    THEN
        RAISE EXCEPTION 'UPDATE of bursar.operation is refused: an operation ends once.'
            USING ERRCODE = 'restrict_violation', HINT = 'Nothing else of it changes.';
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION bursar.end_once() IS 'Trigger: an operation ends once.';
REVOKE ALL ON FUNCTION bursar.end_once() FROM PUBLIC, anon, authenticated;

CREATE OR REPLACE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON bursar.operation
    FOR EACH STATEMENT EXECUTE FUNCTION bursar.refuse_change();
CREATE OR REPLACE TRIGGER end_once BEFORE UPDATE ON bursar.operation
    FOR EACH ROW EXECUTE FUNCTION bursar.end_once();

GRANT SELECT ON bursar.operation TO service_role, bursar_service, bursar_operator;
DROP POLICY IF EXISTS service_read ON bursar.operation;
CREATE POLICY service_read ON bursar.operation FOR SELECT
    TO service_role, bursar_service, bursar_operator USING (true);

CREATE OR REPLACE FUNCTION bursar.begin_operation(
    p_id uuid, p_command text, p_actor text, p_plan text[]
) RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    INSERT INTO bursar.operation (id, command, actor, role, plan, status, started_at)
    VALUES (p_id, p_command, p_actor, session_user, p_plan, 'running', bursar.clock())
$$;

COMMENT ON FUNCTION bursar.begin_operation(uuid, text, text, text[]) IS
    'Writes down that an operation begins.';
REVOKE ALL ON FUNCTION bursar.begin_operation(uuid, text, text, text[])
    FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.begin_operation(uuid, text, text, text[]) TO bursar_operator;

-- Writes the whole row where its beginning is not here: the journal itself was made meanwhile, or
-- this database was restored from a backup that is older.
CREATE OR REPLACE FUNCTION bursar.end_operation(
    p_id uuid, p_command text, p_actor text, p_plan text[], p_status text, p_result text,
    p_lasted interval
) RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    INSERT INTO bursar.operation AS o
        (id, command, actor, role, plan, status, result, started_at, ended_at)
    VALUES (p_id, p_command, p_actor, session_user, p_plan, p_status, p_result,
        bursar.clock() - p_lasted, bursar.clock())
    ON CONFLICT (id) DO UPDATE SET status = EXCLUDED.status, result = EXCLUDED.result,
        ended_at = EXCLUDED.ended_at
$$;

COMMENT ON FUNCTION bursar.end_operation(uuid, text, text, text[], text, text, interval) IS
    'Writes down how an operation ended.';
REVOKE ALL ON FUNCTION bursar.end_operation(uuid, text, text, text[], text, text, interval)
    FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION
    bursar.end_operation(uuid, text, text, text[], text, text, interval) TO bursar_operator;

CREATE OR REPLACE FUNCTION bursar.read_operations(p_limit integer DEFAULT 50) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT coalesce(jsonb_agg(to_jsonb(o) ORDER BY o.started_at DESC, o.id DESC), '[]')
    FROM (SELECT * FROM bursar.operation ORDER BY started_at DESC, id DESC
        LIMIT least(greatest(p_limit, 1), 1000)) AS o
$$;

COMMENT ON FUNCTION bursar.read_operations(integer) IS
    'The operations journal, newest first, at most 1000.';
REVOKE ALL ON FUNCTION bursar.read_operations(integer) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.read_operations(integer)
    TO service_role, bursar_service, bursar_operator;
