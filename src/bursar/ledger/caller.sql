-- Who calls. Inside a SECURITY DEFINER function current_user is the definer; the setting `role`
-- still says which role the session took on, and session_user who logged in.
CREATE OR REPLACE FUNCTION bursar.caller_role() RETURNS name
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE current_setting('role') WHEN 'none' THEN session_user
    ELSE current_setting('role')::name END;

COMMENT ON FUNCTION bursar.caller_role() IS
    'The role the session acts as, also inside SECURITY DEFINER functions.';
REVOKE ALL ON FUNCTION bursar.caller_role() FROM PUBLIC, anon, authenticated;

-- The caller as the verbs want it: role and, for signed-in users, who they are. A member of
-- service_role (a superuser is one) speaks for the service; everybody else for themselves.
CREATE OR REPLACE FUNCTION bursar.caller() RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT CASE
        WHEN pg_has_role(bursar.caller_role(), 'service_role', 'MEMBER')
        THEN jsonb_build_object('role', 'service_role')
        ELSE jsonb_build_object('role', bursar.caller_role(), 'sub', auth.uid())
    END
$$;

COMMENT ON FUNCTION bursar.caller() IS 'Role and subject of the caller, as the verbs want it.';
REVOKE ALL ON FUNCTION bursar.caller() FROM PUBLIC, anon, authenticated;
