-- requires: ledger/caller.sql
-- Which workspace a signed-in caller acts for: the claim `workspace_id` of their token, or of its
-- `app_metadata`, else the subject itself, where every user is a workspace of their own.
CREATE OR REPLACE FUNCTION bursar.workspace_id() RETURNS uuid
LANGUAGE sql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT coalesce(auth.jwt() ->> 'workspace_id', auth.jwt() #>> '{app_metadata,workspace_id}',
        auth.uid()::text)::uuid
$$;

COMMENT ON FUNCTION bursar.workspace_id() IS 'The workspace that a signed-in caller acts for.';
REVOKE ALL ON FUNCTION bursar.workspace_id() FROM PUBLIC, anon;
GRANT EXECUTE ON FUNCTION bursar.workspace_id() TO authenticated;
