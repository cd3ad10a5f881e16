-- What the edges check, checked again: the shapes of values. None of these ever raises. Regular
-- expressions with counted repeats are avoided: one costs as much as writing a row.

-- Whether a JSON value is a whole number within bounds: 1.5, 1.0, 1e400, true and "1" are not.
CREATE OR REPLACE FUNCTION bursar.is_whole(p_value jsonb, p_min bigint, p_max bigint)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN jsonb_typeof(p_value) = 'number'
    THEN p_value::numeric BETWEEN p_min AND p_max AND scale(p_value::numeric) = 0
    ELSE false END;

COMMENT ON FUNCTION bursar.is_whole(jsonb, bigint, bigint) IS
    'Whether a JSON value is a whole number within bounds.';
REVOKE ALL ON FUNCTION bursar.is_whole(jsonb, bigint, bigint) FROM PUBLIC, anon, authenticated;

-- Whether a JSON value is text, null or absent: 5 and {"a": 1} are not texts that look like them.
CREATE OR REPLACE FUNCTION bursar.is_text(p_value jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(jsonb_typeof(p_value) IN ('string', 'null'), true);

COMMENT ON FUNCTION bursar.is_text(jsonb) IS 'Whether a JSON value is text, null or absent.';
REVOKE ALL ON FUNCTION bursar.is_text(jsonb) FROM PUBLIC, anon, authenticated;

-- Whether a text is printable ASCII of 1 to so many characters.
CREATE OR REPLACE FUNCTION bursar.is_printable(p_value text, p_max integer) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN octet_length(p_value) BETWEEN 1 AND p_max AND p_value !~ '[^\x20-\x7e]';

COMMENT ON FUNCTION bursar.is_printable(text, integer) IS
    'Whether a text is printable ASCII and not too long.';
REVOKE ALL ON FUNCTION bursar.is_printable(text, integer) FROM PUBLIC, anon, authenticated;

-- Whether a text is a uuid in its usual form: hyphens at four places, hexadecimal digits elsewhere.
CREATE OR REPLACE FUNCTION bursar.is_uuid(p_value text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN p_value LIKE '________-____-____-____-____________'
    AND length(replace(p_value, '-', '')) = 32
    AND p_value !~ '[^-0-9a-fA-F]';

COMMENT ON FUNCTION bursar.is_uuid(text) IS 'Whether a text is a uuid in its usual form.';
REVOKE ALL ON FUNCTION bursar.is_uuid(text) FROM PUBLIC, anon, authenticated;

-- Whether a text is an owner's id: printable ASCII, at most 255 bytes, not a system wallet's; and a
-- uuid where the asset's store has uuids.
CREATE OR REPLACE FUNCTION bursar.is_owner(p_owner_id text, p_owner_type text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN p_owner_type = 'uuid' THEN bursar.is_uuid(p_owner_id)
    ELSE bursar.is_printable(p_owner_id, 255) AND p_owner_id = btrim(p_owner_id)
        AND p_owner_id NOT LIKE 'system:%' END;

COMMENT ON FUNCTION bursar.is_owner(text, text) IS 'Whether a text is an owner''s id.';
REVOKE ALL ON FUNCTION bursar.is_owner(text, text) FROM PUBLIC, anon, authenticated;

-- Whether a JSON value names an external transaction: provider, account, mode and id.
CREATE OR REPLACE FUNCTION bursar.is_external(p_value jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN jsonb_typeof(p_value) = 'object'
    AND bursar.is_text(p_value -> 'provider') AND bursar.is_text(p_value -> 'account')
    AND bursar.is_text(p_value -> 'mode') AND bursar.is_text(p_value -> 'id')
    AND coalesce(bursar.is_printable(p_value ->> 'provider', 100), false)
    AND coalesce(bursar.is_printable(p_value ->> 'account', 255), false)
    AND coalesce(p_value ->> 'mode' IN ('live', 'test'), false)
    AND coalesce(bursar.is_printable(p_value ->> 'id', 255), false);

COMMENT ON FUNCTION bursar.is_external(jsonb) IS
    'Whether a JSON value names an external transaction.';
REVOKE ALL ON FUNCTION bursar.is_external(jsonb) FROM PUBLIC, anon, authenticated;
