-- requires: ledger/clock.sql
-- A key belongs to an owner, a class of principals and a verb, so that a user cannot squat the keys
-- of a backend. The claim is a digest of the four: 16 bytes wherever the key is looked up.
CREATE OR REPLACE FUNCTION bursar.claim(
    p_owner_id text, p_principal text, p_verb text, p_key text
) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE
RETURN substr(sha256(convert_to(
    p_owner_id || E'\x1f' || p_principal || E'\x1f' || p_verb || E'\x1f' || p_key, 'UTF8')), 1, 16);

COMMENT ON FUNCTION bursar.claim(text, text, text, text) IS
    'The digest under which the outcome of a key is remembered.';
REVOKE ALL ON FUNCTION bursar.claim(text, text, text, text) FROM PUBLIC, anon, authenticated;

-- The fingerprint of a request: a version, then a digest of the named fields that make its effect.
-- Reason, actor and metadata are not among them: they describe the effect and may be worded anew.
CREATE OR REPLACE FUNCTION bursar.fingerprint(p_fields text) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE
RETURN '\x01'::bytea || substr(sha256(convert_to(p_fields, 'UTF8')), 1, 15);

COMMENT ON FUNCTION bursar.fingerprint(text) IS 'The versioned fingerprint of a request''s fields.';
REVOKE ALL ON FUNCTION bursar.fingerprint(text) FROM PUBLIC, anon, authenticated;

-- Forgets outcomes older than `p_keep`, which cannot be less than the 30 days that are promised.
CREATE OR REPLACE FUNCTION bursar.prune_idempotency(
    p_keep interval DEFAULT interval '30 days', p_limit integer DEFAULT 10000
) RETURNS bigint
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    WITH pruned AS (
        DELETE FROM bursar.idempotency
        WHERE claim IN (
            SELECT claim FROM bursar.idempotency
            WHERE created_at < bursar.clock() - greatest(p_keep, interval '30 days')
            LIMIT p_limit)
        RETURNING 1)
    SELECT count(*) FROM pruned
$$;

COMMENT ON FUNCTION bursar.prune_idempotency(interval, integer) IS
    'Forgets outcomes older than 30 days or more; answers how many.';
REVOKE ALL ON FUNCTION bursar.prune_idempotency(interval, integer) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.prune_idempotency(interval, integer)
    TO service_role, bursar_service;
