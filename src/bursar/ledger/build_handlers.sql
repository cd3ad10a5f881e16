-- A handler carries out a batch for bursar.attempt: any function of this schema (requests jsonb,
-- wait boolean) that answers json[], an outcome for each request or for the first few. Beside
-- `<verb>_batch` there may be a `<verb>_straight` (request jsonb): the road of a lone request with
-- nothing in its way, which answers NULL where something is. The two functions that are written
-- here choose by name, with static SQL, because planning a dynamic statement anew costs a lone call
-- as much as writing two rows; the choice of a straight road is an expression, which PostgreSQL
-- takes up into the one that asks for it. Whoever adds a handler calls this afterwards, and whoever
-- drops a straight road drops what depends on it before.
CREATE OR REPLACE FUNCTION bursar.build_handlers() RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $outer$
DECLARE
    v_template CONSTANT text := $f$
CREATE OR REPLACE FUNCTION bursar.%s RETURNS %s
LANGUAGE plpgsql SET search_path = pg_catalog, bursar, pg_temp AS $b$
BEGIN%s
    %s
END
$b$$f$;
    v_branch CONSTANT text := E'\n    IF p_handler = %L THEN RETURN bursar.%I(%s); END IF;';
BEGIN
    EXECUTE format(v_template, 'handle(p_handler text, p_requests jsonb, p_wait boolean)',
        'json[]', (SELECT string_agg(format(v_branch, proname, proname, 'p_requests, p_wait'), ''
            ORDER BY proname COLLATE "C")
        FROM pg_proc
        WHERE pronamespace = 'bursar'::regnamespace AND prorettype = 'json[]'::regtype
            AND proargtypes = ARRAY['jsonb'::regtype::oid, 'boolean'::regtype::oid]::oidvector),
        'RAISE EXCEPTION ''There is no such verb: %.'', p_handler
        USING ERRCODE = ''undefined_function'';');
    EXECUTE format('
CREATE OR REPLACE FUNCTION bursar.straight(p_verb text, p_request jsonb) RETURNS json
LANGUAGE sql RETURN %s', coalesce((
        SELECT 'CASE p_verb' || string_agg(format(E'\n    WHEN %L THEN bursar.%I(p_request)',
            regexp_replace(proname, '_straight$', ''), proname), '' ORDER BY proname COLLATE "C")
            || E'\nEND'
        FROM pg_proc
        WHERE pronamespace = 'bursar'::regnamespace AND prorettype = 'json'::regtype
            AND proname ~ '_straight$'), 'NULL::json'));
    REVOKE ALL ON FUNCTION bursar.handle(text, jsonb, boolean) FROM PUBLIC, anon, authenticated;
    REVOKE ALL ON FUNCTION bursar.straight(text, jsonb) FROM PUBLIC, anon, authenticated;
    COMMENT ON FUNCTION bursar.handle(text, jsonb, boolean) IS 'Generated: chooses a handler.';
    COMMENT ON FUNCTION bursar.straight(text, jsonb) IS 'Generated: chooses a straight road.';
END
$outer$;

COMMENT ON FUNCTION bursar.build_handlers() IS
    'Writes the functions that choose a handler by name.';
REVOKE ALL ON FUNCTION bursar.build_handlers() FROM PUBLIC, anon, authenticated;
