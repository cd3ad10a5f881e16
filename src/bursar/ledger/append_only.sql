-- Entries and transactions are never changed or removed, by nobody: a correction is a new
-- transaction that names what it corrects. Grants say the same; this holds against owners too.
CREATE OR REPLACE FUNCTION bursar.refuse_change() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION '% of %.% is refused: its rows are append-only.',
        TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation',
        HINT = 'Correct with a new transaction: bursar.refund or bursar.adjust.';
END
$$;

COMMENT ON FUNCTION bursar.refuse_change() IS 'Trigger: rows of this table are append-only.';
REVOKE ALL ON FUNCTION bursar.refuse_change() FROM PUBLIC, anon, authenticated;

CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON bursar.entry
    FOR EACH STATEMENT EXECUTE FUNCTION bursar.refuse_change();
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON bursar.transaction
    FOR EACH STATEMENT EXECUTE FUNCTION bursar.refuse_change();
CREATE OR REPLACE TRIGGER append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON bursar.external_reference
    FOR EACH STATEMENT EXECUTE FUNCTION bursar.refuse_change();
