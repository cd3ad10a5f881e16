-- An owner's id as the ledger writes it: uuids in lower case where the asset's store has uuids.
CREATE OR REPLACE FUNCTION bursar.canonical_owner(p_owner_id text, p_asset text) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT CASE WHEN EXISTS (SELECT FROM bursar.asset WHERE asset = p_asset AND owner_type = 'uuid')
        THEN lower(p_owner_id) ELSE p_owner_id END
$$;

COMMENT ON FUNCTION bursar.canonical_owner(text, text) IS
    'An owner''s id as the ledger writes it.';
REVOKE ALL ON FUNCTION bursar.canonical_owner(text, text) FROM PUBLIC, anon, authenticated;
