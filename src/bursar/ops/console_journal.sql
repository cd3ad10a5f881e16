-- requires: ops/journal.sql
-- What operators do at the console is kept in the operations journal too. The service writes it
-- for them, and only this: operations whose command begins with `console`, each once, each ended
-- once. It can neither begin nor end what the command line does.
CREATE OR REPLACE FUNCTION bursar.begin_console_operation(
    p_id text, p_task text, p_actor text, p_plan text
) RETURNS jsonb
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    WITH begun AS (
        INSERT INTO bursar.operation (id, command, actor, role, plan, status, started_at)
        VALUES (p_id::uuid, 'console ' || p_task, p_actor, session_user,
            ARRAY(SELECT jsonb_array_elements_text(p_plan::jsonb)), 'running', bursar.clock())
        ON CONFLICT (id) DO NOTHING
        RETURNING id
    )
    SELECT jsonb_build_object('begun', EXISTS (SELECT FROM begun))
$$;

COMMENT ON FUNCTION bursar.begin_console_operation(text, text, text, text) IS
    'Writes down that an operation begins at the console; `begun` is false where it began before.';
REVOKE ALL ON FUNCTION bursar.begin_console_operation(text, text, text, text)
    FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.begin_console_operation(text, text, text, text)
    TO service_role, bursar_service;

CREATE OR REPLACE FUNCTION bursar.end_console_operation(
    p_id text, p_status text, p_result text
) RETURNS jsonb
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    WITH ended AS (
        UPDATE bursar.operation
        SET status = p_status, result = p_result, ended_at = bursar.clock()
        WHERE id = p_id::uuid AND status = 'running' AND command LIKE 'console %'
        RETURNING id
    )
    SELECT jsonb_build_object('ended', EXISTS (SELECT FROM ended))
$$;

COMMENT ON FUNCTION bursar.end_console_operation(text, text, text) IS
    'Writes down how an operation of the console ended.';
REVOKE ALL ON FUNCTION bursar.end_console_operation(text, text, text)
    FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.end_console_operation(text, text, text)
    TO service_role, bursar_service;
