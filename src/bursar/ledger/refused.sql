-- requires: ledger/refusal.sql
-- A refusal as an outcome. `p_sentence` replaces the general sentence where a verb knows better
-- words.
CREATE OR REPLACE FUNCTION bursar.refused(
    p_verb text, p_code text, p_details jsonb DEFAULT NULL, p_sentence text DEFAULT NULL
) RETURNS json
LANGUAGE sql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT json_build_object(
        'status', 'refused',
        'verb', p_verb,
        'code', r.code,
        'message', r.code || ': ' || coalesce(p_sentence, r.sentence),
        'details', coalesce(p_details, '{}'),
        'replayed', false)
    FROM bursar.refusal AS r
    WHERE r.code = p_code
$$;

COMMENT ON FUNCTION bursar.refused(text, text, jsonb, text) IS 'A refusal as an outcome.';
REVOKE ALL ON FUNCTION bursar.refused(text, text, jsonb, text) FROM PUBLIC, anon, authenticated;

CREATE OR REPLACE FUNCTION bursar.refused_all(
    p_requests jsonb, p_code text, p_verb text DEFAULT NULL
) RETURNS json[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT array_agg(bursar.refused(coalesce(p_verb, q ->> 'verb'), p_code) ORDER BY i)
    FROM jsonb_array_elements(p_requests) WITH ORDINALITY AS t (q, i)
$$;

COMMENT ON FUNCTION bursar.refused_all(jsonb, text, text) IS
    'One refusal for every request of a batch.';
REVOKE ALL ON FUNCTION bursar.refused_all(jsonb, text, text) FROM PUBLIC, anon, authenticated;

-- The only RAISE of a business refusal: for callers of the raising functions in schema public. The
-- outcome is passed through when it is done.
CREATE OR REPLACE FUNCTION bursar.raise_refusal(p_outcome json) RETURNS json
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_refusal bursar.refusal;
BEGIN
    IF p_outcome ->> 'status' = 'refused' THEN
        SELECT * INTO STRICT v_refusal FROM bursar.refusal WHERE code = p_outcome ->> 'code';
        RAISE EXCEPTION USING
            ERRCODE = v_refusal.sqlstate,
            MESSAGE = p_outcome ->> 'message',
            DETAIL = (p_outcome -> 'details')::text,
            HINT = v_refusal.hint;
    END IF;
    RETURN p_outcome;
END
$$;

COMMENT ON FUNCTION bursar.raise_refusal(json) IS
    'Raises a refused outcome with its SQLSTATE; returns a done one.';
REVOKE ALL ON FUNCTION bursar.raise_refusal(json) FROM PUBLIC, anon, authenticated;
