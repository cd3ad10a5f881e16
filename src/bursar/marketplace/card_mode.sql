-- Whether live or test money pays where a caller does not say: as the setting bursar.card_mode of
-- the session, its role or the database says, and test where nothing does. The service's doors say
-- what their key is.
CREATE OR REPLACE FUNCTION bursar.card_mode() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE current_setting('bursar.card_mode', true) WHEN 'live' THEN 'live' ELSE 'test' END
$$;

COMMENT ON FUNCTION bursar.card_mode() IS
    'Whether live or test money pays where a caller does not say.';
REVOKE ALL ON FUNCTION bursar.card_mode() FROM PUBLIC, anon, authenticated;
