"""Kinds of drift in what runs, serves or decides; see drift_kinds.py for those of the data."""

from tests.drift_kinds import KINDS as OF_DATA
from tests.drift_kinds import Kind, _kind, _reported

_ROOMS = ("sequence_missing", "table_missing", "view_missing")

OF_CODE: tuple[Kind, ...] = (
    _kind("an index is missing", "DROP INDEX lib.members_joined", "index_missing"),
    _kind("an index over partitions is missing", "DROP INDEX lib.journal_what", "index_missing"),
    _kind("a unique index is missing", "DROP INDEX lib.books_isbn", "index_missing"),
    Kind(
        "a unique index is missing and there are duplicates",
        "DROP INDEX lib.books_isbn; INSERT INTO lib.books (isbn, title, price)"
        " SELECT isbn, title, 99 FROM lib.books WHERE id < 4",
        ("index_missing",),
        quarantine=True,
    ),
    _kind(
        "an index serves something else",
        "DROP INDEX lib.books_cheap; CREATE INDEX books_cheap ON lib.books (price)",
        "index_definition",
    ),
    _kind(
        "an index was not built to its end",
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'lib.members_joined'::regclass",
        "index_valid",
    ),
    _reported("an index is extra", "CREATE INDEX spare ON lib.books (title)", "index_extra"),
    _kind(
        "statistics are missing",
        "DROP STATISTICS lib.members_standing",
        "statistics_missing",
    ),
    _kind(
        "a trigger is switched off",
        "ALTER TABLE lib.members DISABLE TRIGGER lower_email",
        "trigger_enabled",
    ),
    _kind(
        "a trigger is switched off for a partition",
        "ALTER TABLE lib.journal_2025 DISABLE TRIGGER keep",
        "trigger_enabled",
    ),
    _kind("a trigger is missing", "DROP TRIGGER keep ON lib.journal", "trigger_missing"),
    _kind(
        "a trigger fires at other times",
        "DROP TRIGGER keep ON lib.journal; CREATE TRIGGER keep BEFORE DELETE ON lib.journal"
        " FOR EACH ROW EXECUTE FUNCTION lib.keep()",
        "trigger_definition",
    ),
    _kind(
        "a constraint trigger is checked at once",
        "DROP TRIGGER mind_copies ON lib.copies; CREATE CONSTRAINT TRIGGER mind_copies AFTER"
        " INSERT OR DELETE ON lib.copies FOR EACH ROW EXECUTE FUNCTION lib.mind_copies()",
        "trigger_definition",
    ),
    _reported(
        "a trigger is extra",
        "CREATE TRIGGER spy AFTER INSERT ON lib.books FOR EACH ROW EXECUTE FUNCTION"
        " lib.mind_copies()",
        "trigger_extra",
    ),
    _kind("a rule is missing", "DROP RULE loans_stay ON lib.loans", "rule_missing"),
    _kind(
        "a rule says something else",
        "DROP RULE loans_stay ON lib.loans;"
        " CREATE RULE loans_stay AS ON DELETE TO lib.loans DO INSTEAD NOTHING",
        "rule_definition",
    ),
    _kind("a function is missing", "DROP FUNCTION lib.close_account(bigint)", "function_missing"),
    _kind(
        "a function does something else",
        "CREATE OR REPLACE FUNCTION lib.whoami() RETURNS text LANGUAGE sql STABLE"
        " AS $$ SELECT session_user::text $$",
        "function_body",
    ),
    _kind(
        "a function runs with its caller's rights",
        "ALTER FUNCTION lib.close_account(bigint) SECURITY INVOKER",
        "function_security_definer",
    ),
    _kind(
        "a function lost its search path",
        "ALTER FUNCTION lib.close_account(bigint) RESET search_path",
        "function_settings",
    ),
    _kind(
        "a function is no longer stable",
        "ALTER FUNCTION lib.whoami() VOLATILE",
        "function_volatility",
    ),
    _reported(
        "a function runs with another owner's rights",
        "ALTER FUNCTION lib.close_account(bigint) OWNER TO drift_desk",
        "function_owner",
    ),
    _kind(
        "a function is thought to be dear",
        "ALTER FUNCTION lib.whoami() COST 7",
        "function_cost",
    ),
    _kind("a view is missing", "DROP VIEW lib.good_members", "view_missing"),
    _kind(
        "a view shows something else",
        "CREATE OR REPLACE VIEW lib.late_loans AS SELECT id, member_id, due FROM lib.loans",
        "view_definition",
    ),
    _kind(
        "a view looks with its owner's rights",
        "ALTER VIEW lib.good_members RESET (security_invoker)",
        "view_options",
    ),
    _kind(
        "a materialized view is missing",
        "DROP MATERIALIZED VIEW lib.book_counts",
        "view_missing",
    ),
    _kind(
        "row security is off",
        "ALTER TABLE lib.members DISABLE ROW LEVEL SECURITY",
        "table_row_security",
    ),
    _kind(
        "row security is forced on owners",
        "ALTER TABLE lib.members FORCE ROW LEVEL SECURITY",
        "table_row_security_forced",
    ),
    _kind("a policy is missing", "DROP POLICY desk_sees_all ON lib.members", "policy_missing"),
    _kind(
        "a policy shows other rows",
        "ALTER POLICY reader_sees_good ON lib.members USING (true)",
        "policy_using",
    ),
    _kind(
        "a policy is for other roles",
        "ALTER POLICY reader_sees_good ON lib.members TO PUBLIC",
        "policy_roles",
    ),
    _reported(
        "a policy is extra",
        "CREATE POLICY open ON lib.members FOR SELECT TO PUBLIC USING (true)",
        "policy_extra",
    ),
    _kind("a grant is missing", "REVOKE UPDATE ON lib.members FROM drift_desk", "grant_privileges"),
    _kind("a grant is too much", "GRANT DELETE ON lib.members TO drift_desk", "grant_privileges"),
    _kind(
        "a column's grant is missing",
        "REVOKE SELECT (name) ON lib.members FROM drift_reader",
        "grant_missing",
    ),
    _kind(
        "a function is closed to somebody",
        "REVOKE EXECUTE ON FUNCTION lib.close_account(bigint) FROM drift_desk",
        "grant_missing",
    ),
    _kind(
        "a function is open to everybody",
        "GRANT EXECUTE ON FUNCTION lib.close_account(bigint) TO PUBLIC",
        "grant_extra",
    ),
    _kind(
        "a function is closed to everybody",
        "REVOKE EXECUTE ON FUNCTION lib.whoami() FROM PUBLIC",
        "grant_missing",
    ),
    _kind("a schema is closed", "REVOKE USAGE ON SCHEMA lib FROM drift_reader", "grant_missing"),
    _kind(
        "default grants are missing",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA lib REVOKE SELECT ON TABLES FROM drift_reader",
        "default_grant_missing",
    ),
    _kind(
        "a label of an enum is missing",
        "ALTER TABLE lib.members DROP COLUMN shouted; DROP VIEW lib.good_members;"
        " DROP STATISTICS lib.members_standing; DROP POLICY reader_sees_good ON lib.members;"
        " ALTER TABLE lib.members ALTER standing DROP DEFAULT, ALTER standing TYPE text;"
        " DROP TYPE lib.standing; CREATE TYPE lib.standing AS ENUM ('good', 'barred');"
        " ALTER TABLE lib.members ALTER standing TYPE lib.standing USING standing::lib.standing,"
        " ALTER standing SET DEFAULT 'good'",
        *("type_labels", "column_missing", "view_missing", "statistics_missing"),
        "policy_missing",
    ),
    _kind(
        "a domain lost its check",
        "ALTER DOMAIN lib.isbn DROP CONSTRAINT isbn_check",
        "type_checks",
    ),
    _kind(
        "a table is stored otherwise",
        "ALTER TABLE lib.members SET (fillfactor = 70, autovacuum_enabled = off)",
        "table_options",
    ),
    _kind("a table is lost in a crash", "ALTER TABLE lib.loans SET UNLOGGED", "table_persistence"),
    _kind(
        "replication sends other keys",
        "ALTER TABLE lib.copies REPLICA IDENTITY DEFAULT",
        "table_replica_identity",
    ),
    _kind("a partition is missing", "DROP TABLE lib.journal_2025", "table_missing"),
    _kind("a table is missing", "DROP TABLE lib.rooms CASCADE", *_ROOMS),
    _reported("a table is extra", "CREATE TABLE lib.guests (id int)", "table_extra"),
    _reported(
        "a column is kept otherwise",
        "ALTER TABLE lib.books ALTER note SET STORAGE EXTERNAL",
        "column_storage",
    ),
)
KINDS = OF_DATA + OF_CODE
