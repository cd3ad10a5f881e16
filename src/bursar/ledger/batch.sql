-- requires: ledger/carry.sql
-- requires: ledger/carry_out.sql
-- batch: requests of any ledger verbs, each with its `verb`, carried out as if one after the other:
-- what an earlier one credits, a later one can spend. Each has its own outcome.
CREATE OR REPLACE FUNCTION bursar.batch(p_requests jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN bursar.carry('batch', p_requests)::jsonb;
END
$$;

COMMENT ON FUNCTION bursar.batch(jsonb) IS 'Requests of any ledger verbs, in order; a batch.';
REVOKE ALL ON FUNCTION bursar.batch(jsonb) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.batch(jsonb) TO service_role, bursar_service;
