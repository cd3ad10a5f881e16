-- What older apps read of an outcome: whether it worked, the credits that are left, and why not.
CREATE OR REPLACE FUNCTION bursar.older_answer(p_outcome json) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE p_outcome ->> 'status' WHEN 'done' THEN jsonb_strip_nulls(jsonb_build_object(
        'success', true,
        'credits_remaining', (p_outcome -> 'available')::jsonb,
        'amount', (p_outcome -> 'amount')::jsonb,
        'transaction_id', (p_outcome -> 'transaction_id')::jsonb))
    ELSE jsonb_strip_nulls(jsonb_build_object(
        'success', false,
        'error', lower(p_outcome ->> 'code'),
        'code', p_outcome -> 'code',
        'message', p_outcome -> 'message',
        'retry_after_seconds', (p_outcome #> '{details,retry_after_seconds}')::jsonb,
        'details', p_outcome -> 'details')) END;

COMMENT ON FUNCTION bursar.older_answer(json) IS 'What older apps read of an outcome.';
REVOKE ALL ON FUNCTION bursar.older_answer(json) FROM PUBLIC, anon, authenticated;
