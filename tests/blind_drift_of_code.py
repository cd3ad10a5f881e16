"""Drift of what runs inside the database, and of who may do what."""

from tests.blind_drift import BOOKS, LOANS, TWO_BOOKS, TWO_LOANS, Drift

STAMP = """CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN NEW.lent_on = '2024-01-01'; RETURN NEW; END$$;
CREATE TRIGGER stamp BEFORE INSERT OR UPDATE OF book_id ON loans FOR EACH ROW
    WHEN (NEW.lent_on IS NULL) EXECUTE FUNCTION stamp();"""

CODE = (
    Drift(
        "a rule that swallows every delete",
        ("swallow",),
        BOOKS,
        TWO_BOOKS,
        "CREATE RULE swallow AS ON DELETE TO books DO INSTEAD NOTHING;",
        left=True,
    ),
    Drift(
        "a trigger of a hotfix that refuses every change",
        ("hotfix",),
        BOOKS,
        TWO_BOOKS,
        """CREATE FUNCTION hotfix() RETURNS trigger LANGUAGE plpgsql AS
            $$BEGIN RAISE EXCEPTION 'not today'; END$$;
        CREATE TRIGGER hotfix BEFORE UPDATE ON books FOR EACH ROW EXECUTE FUNCTION hotfix();""",
        left=True,
    ),
    Drift(
        "a trigger that fires on replicas only",
        ("stamp",),
        BOOKS + LOANS + STAMP + "ALTER TABLE loans ENABLE ALWAYS TRIGGER stamp;",
        TWO_BOOKS + TWO_LOANS,
        "ALTER TABLE loans ENABLE REPLICA TRIGGER stamp;",
    ),
    Drift(
        "a trigger that fires in other cases",
        ("stamp",),
        BOOKS + LOANS + STAMP,
        TWO_BOOKS + TWO_LOANS,
        """DROP TRIGGER stamp ON loans; CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON loans
            FOR EACH ROW EXECUTE FUNCTION stamp();""",
    ),
    Drift(
        "a function left over from before an argument was added",
        ("fine",),
        "CREATE FUNCTION fine(days int, rate int DEFAULT 2) RETURNS int LANGUAGE sql AS "
        "'SELECT days * rate';",
        "",
        "CREATE FUNCTION fine(days int) RETURNS int LANGUAGE sql AS 'SELECT days';",
        left=True,
        at_first="It is called a note, and every call of one argument reaches the old function.",
    ),
    Drift(
        "a function of its owner's rights that looks wherever the caller says",
        ("close_book",),
        BOOKS
        + """CREATE FUNCTION close_book(bigint) RETURNS void LANGUAGE plpgsql
            SECURITY DEFINER SET search_path = public, pg_temp
            AS 'BEGIN DELETE FROM books WHERE id = $1; END';
        REVOKE ALL ON FUNCTION close_book FROM PUBLIC;""",
        TWO_BOOKS,
        """DROP FUNCTION close_book;
        CREATE FUNCTION close_book(bigint) RETURNS void LANGUAGE plpgsql
            SECURITY DEFINER AS 'BEGIN DELETE FROM books WHERE id = $1; END';""",
    ),
    Drift(
        "a function that answers a smaller number, with a view on it",
        ("cents",),
        """CREATE FUNCTION cents(days int) RETURNS bigint LANGUAGE sql AS 'SELECT days * 10';
        CREATE VIEW prices AS SELECT cents(3) AS three;""",
        "",
        """DROP VIEW prices; DROP FUNCTION cents;
        CREATE FUNCTION cents(days int) RETURNS int LANGUAGE sql AS 'SELECT days * 10';
        CREATE VIEW prices AS SELECT cents(3) AS three;""",
        left=True,
    ),
    Drift(
        "a view lacks a column in its middle, and others stand on it",
        ("shelf",),
        BOOKS
        + """CREATE VIEW shelf AS SELECT id, length(title) AS letters, title FROM books;
        GRANT SELECT ON shelf TO pg_monitor;
        CREATE VIEW long_ones AS SELECT id FROM shelf WHERE length(title) > 5;
        GRANT SELECT ON long_ones TO pg_monitor;""",
        TWO_BOOKS,
        """DROP VIEW long_ones, shelf; CREATE VIEW shelf AS SELECT id, title FROM books;
        GRANT SELECT ON shelf TO pg_monitor;
        CREATE VIEW long_ones AS SELECT id FROM shelf WHERE length(title) > 5;
        GRANT SELECT ON long_ones TO pg_monitor;""",
        left=True,
    ),
    Drift(
        "a view made again in a dashboard reads with its owner's rights",
        ("shelf",),
        BOOKS
        + """CREATE VIEW shelf WITH (security_invoker, security_barrier) AS
            SELECT id, title FROM books WHERE id > 0 WITH CASCADED CHECK OPTION;
        GRANT SELECT ON shelf TO pg_monitor;""",
        TWO_BOOKS,
        "DROP VIEW shelf; CREATE VIEW shelf AS SELECT id, title FROM books WHERE id > 0;",
        refused="INSERT INTO shelf VALUES (-1, 'below')",
    ),
    Drift(
        "a materialized view that cannot be refreshed beside its readers",
        ("tally",),
        BOOKS
        + """CREATE MATERIALIZED VIEW tally AS SELECT title, count(*) AS n FROM books GROUP BY 1;
        CREATE UNIQUE INDEX tally_once ON tally (title);""",
        TWO_BOOKS + "REFRESH MATERIALIZED VIEW tally;",
        "DROP INDEX tally_once;",
        works="REFRESH MATERIALIZED VIEW CONCURRENTLY tally",
    ),
    Drift(
        "a materialized view that a schema dump has left empty",
        ("tally",),
        BOOKS + "CREATE MATERIALIZED VIEW tally AS SELECT title FROM books;",
        TWO_BOOKS + "REFRESH MATERIALIZED VIEW tally;",
        "REFRESH MATERIALIZED VIEW tally WITH NO DATA;",
        works="SELECT FROM tally",
        at_first="Whether a materialized view holds anything is not looked at.",
    ),
    Drift(
        "row security is switched off, its policies are still listed",
        ("books",),
        BOOKS
        + """ALTER TABLE books ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
        CREATE POLICY readers ON books FOR SELECT TO pg_monitor USING (id > 0);""",
        TWO_BOOKS,
        "ALTER TABLE books DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY;",
    ),
    Drift(
        "a policy that narrowed now widens, and another is everybody's",
        ("living", "readers"),
        BOOKS
        + """ALTER TABLE books ENABLE ROW LEVEL SECURITY;
        CREATE POLICY living ON books AS RESTRICTIVE USING (id > 0) WITH CHECK (title <> '');
        CREATE POLICY readers ON books FOR SELECT TO pg_monitor USING (true);""",
        TWO_BOOKS,
        """DROP POLICY living ON books; DROP POLICY readers ON books;
        CREATE POLICY living ON books USING (id > 0);
        CREATE POLICY readers ON books FOR SELECT USING (true);""",
    ),
    Drift(
        "a policy from a dashboard lets everybody read",
        ("Enable read access for all users",),
        BOOKS + "ALTER TABLE books ENABLE ROW LEVEL SECURITY;",
        TWO_BOOKS,
        'CREATE POLICY "Enable read access for all users" ON books FOR SELECT USING (true);',
        left=True,
    ),
    Drift(
        "two columns were granted, and now the whole table is",
        ("books",),
        BOOKS + "ALTER TABLE books ADD cost int; GRANT SELECT (id, title) ON books TO pg_monitor;",
        TWO_BOOKS,
        "GRANT SELECT, DELETE ON books TO pg_monitor;",
        left=True,
    ),
    Drift(
        "the table was granted, its sequence and its schema were not",
        ("loans_id_seq", "lending"),
        """CREATE SCHEMA lending; CREATE TABLE lending.loans (id bigserial PRIMARY KEY, book text);
        GRANT USAGE ON SCHEMA lending TO pg_monitor;
        GRANT SELECT, INSERT ON lending.loans TO pg_monitor WITH GRANT OPTION;
        GRANT USAGE ON SEQUENCE lending.loans_id_seq TO pg_monitor;""",
        "INSERT INTO lending.loans (book) VALUES ('Emma');",
        """REVOKE ALL ON SEQUENCE lending.loans_id_seq FROM pg_monitor;
        REVOKE ALL ON SCHEMA lending FROM pg_monitor;
        REVOKE GRANT OPTION FOR INSERT ON lending.loans FROM pg_monitor;""",
        works="""SET ROLE pg_monitor; INSERT INTO lending.loans (book) VALUES ('Kim')""",
    ),
    Drift(
        "what is made from now on is granted to nobody",
        ("pg_monitor",),
        BOOKS + "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO pg_monitor;",
        TWO_BOOKS,
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE SELECT ON TABLES FROM pg_monitor;",
    ),
    Drift(
        "a publication no longer holds the table",
        ("realtime",),
        BOOKS + LOANS + "CREATE PUBLICATION realtime FOR TABLE books, loans;",
        TWO_BOOKS + TWO_LOANS,
        "ALTER PUBLICATION realtime DROP TABLE loans;",
        left=True,
    ),
    Drift(
        "an aggregate and a type's field are missing",
        ("longest", "place"),
        """CREATE TYPE place AS (shelf int, number int);
        CREATE FUNCTION longer(text, text) RETURNS text LANGUAGE sql AS
            'SELECT CASE WHEN length($1) > length($2) THEN $1 ELSE $2 END';
        CREATE AGGREGATE longest(text) (SFUNC = longer, STYPE = text, INITCOND = '');""",
        "",
        "DROP AGGREGATE longest(text); ALTER TYPE place DROP ATTRIBUTE number;",
        left=True,
    ),
    Drift(
        "what the planner was told of two columns is lost",
        ("by_author",),
        BOOKS
        + """ALTER TABLE books ADD author text;
        CREATE STATISTICS by_author ON title, author FROM books;""",
        TWO_BOOKS,
        "DROP STATISTICS by_author;",
        note=True,
    ),
)
