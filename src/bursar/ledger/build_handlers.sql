-- A handler carries out a batch for bursar.attempt: any function of this schema (requests jsonb,
-- wait boolean) that answers jsonb. bursar.handle chooses among them with static SQL, because
-- planning a dynamic statement anew costs a lone call as much as writing two rows. Whoever adds a
-- handler calls this afterwards.
CREATE OR REPLACE FUNCTION bursar.build_handlers() RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $outer$
BEGIN
    EXECUTE format($f$
CREATE OR REPLACE FUNCTION bursar.handle(p_handler text, p_requests jsonb, p_wait boolean)
RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, bursar, pg_temp AS $b$
BEGIN
    RETURN CASE p_handler%s
    END;
END
$b$$f$, (
        SELECT string_agg(format(E'\n        WHEN %L THEN bursar.%I(p_requests, p_wait)',
            proname, proname), '' ORDER BY proname COLLATE "C")
        FROM pg_proc
        WHERE pronamespace = 'bursar'::regnamespace AND proargtypes = ARRAY[
            'jsonb'::regtype::oid, 'boolean'::regtype::oid]::oidvector
            AND prorettype = 'jsonb'::regtype));
    REVOKE ALL ON FUNCTION bursar.handle(text, jsonb, boolean) FROM PUBLIC, anon, authenticated;
    COMMENT ON FUNCTION bursar.handle(text, jsonb, boolean) IS 'Generated: chooses a handler.';
END
$outer$;

COMMENT ON FUNCTION bursar.build_handlers() IS
    'Writes the function that chooses a handler by name.';
REVOKE ALL ON FUNCTION bursar.build_handlers() FROM PUBLIC, anon, authenticated;
