-- requires: ledger/attempt.sql
-- requires: ledger/with_verb.sql
-- Carries out a batch of any verb. It is what every verb calls, and what the engine calls: the
-- outcomes are json as they were written, where the verbs answer jsonb for who works on in SQL.
CREATE OR REPLACE FUNCTION bursar.carry(p_verb text, p_requests jsonb) RETURNS json
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    IF p_verb = 'batch' THEN
        RETURN bursar.attempt('carry_out', p_requests);
    ELSIF p_verb IN ('grant', 'spend', 'transfer', 'hold', 'capture', 'release', 'refund', 'adjust',
        'freeze')
    THEN
        RETURN bursar.attempt('carry_out', bursar.with_verb(p_requests, p_verb));
    END IF;
    RETURN bursar.attempt(p_verb || '_batch', p_requests, p_verb);
END
$$;

COMMENT ON FUNCTION bursar.carry(text, jsonb) IS 'Carries out a batch of any verb.';
REVOKE ALL ON FUNCTION bursar.carry(text, jsonb) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.carry(text, jsonb) TO service_role, bursar_service;
