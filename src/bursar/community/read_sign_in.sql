-- requires: community/community_credit.sql
-- What a sign-in by name is judged by: whose name it is, in whatever letters, and the hash of their
-- password. For the service alone. NULL where nobody has the name.
CREATE OR REPLACE FUNCTION bursar.read_sign_in(p_username text) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT jsonb_build_object('user_id', u.id, 'username', u.username,
        'password_hash', u.password_hash)
    FROM public.users AS u
    WHERE lower(u.username) = lower(p_username)
$$;

COMMENT ON FUNCTION bursar.read_sign_in(text) IS 'What a sign-in by name is judged by.';
REVOKE ALL ON FUNCTION bursar.read_sign_in(text) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.read_sign_in(text) TO service_role, bursar_service;
