-- Writes outcomes under their keys, with whatever they came of. Whoever meets a claim that somebody
-- else just took starts over and finds the outcome.
CREATE OR REPLACE FUNCTION bursar.remember(p_claims bursar.idempotency[]) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_written bigint;
BEGIN
    INSERT INTO bursar.idempotency
    SELECT * FROM unnest(p_claims) AS c ORDER BY c.claim
    ON CONFLICT (claim) DO NOTHING;
    GET DIAGNOSTICS v_written = ROW_COUNT;
    IF v_written < cardinality(p_claims) THEN
        RAISE EXCEPTION 'A claim of this batch was taken meanwhile.' USING ERRCODE = 'UBX02';
    END IF;
    RETURN true;
END
$$;

COMMENT ON FUNCTION bursar.remember(bursar.idempotency[]) IS 'Writes outcomes under their keys.';
REVOKE ALL ON FUNCTION bursar.remember(bursar.idempotency[]) FROM PUBLIC, anon, authenticated;
