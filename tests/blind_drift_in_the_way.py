"""Drift where something stands in the way of the mending: names, dependents, rows, other rules."""

from tests.blind_drift import BOOKS, LOANS, TWO_BOOKS, TWO_LOANS, Drift

LONG = "c" * 63
OF_ONE_YEAR = """CREATE TABLE loans (id int, lent_on date, member int) PARTITION BY RANGE (lent_on);
    CREATE TABLE loans_2024 PARTITION OF loans FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
    CREATE TABLE loans_other PARTITION OF loans DEFAULT;"""
REFUSE = """CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN RAISE EXCEPTION 'no'; END$$;"""

IN_THE_WAY = (
    Drift(
        "a column somebody renamed, and rows may be set aside",
        ("title",),
        BOOKS,
        TWO_BOOKS,
        "ALTER TABLE books RENAME title TO book_title;",
        works="SELECT 1 / count(*) FROM books",
        quarantine=True,
        left=True,
        at_first="Every row is set aside: the table is empty, and called healthy.",
    ),
    Drift(
        "a short column that a view shows",
        ("title",),
        BOOKS + "CREATE VIEW shelf AS SELECT id, title FROM books;",
        TWO_BOOKS,
        """DROP VIEW shelf; ALTER TABLE books ALTER title TYPE varchar(20);
        CREATE VIEW shelf AS SELECT id, title FROM books;""",
        left=True,
        at_first="The plan promises what PostgreSQL refuses while a view depends on the column.",
    ),
    Drift(
        "an index of that name belongs to another table",
        ("by_title",),
        BOOKS + "CREATE TABLE maps (id int, title text); CREATE INDEX by_title ON books (title);",
        TWO_BOOKS,
        "DROP INDEX by_title; CREATE INDEX by_title ON maps (title);",
        left=True,
        at_first="An index whose name another one has is skipped in silence, each time.",
    ),
    Drift(
        "a table of that name stands where a view is expected",
        ("view public.shelf",),
        BOOKS + "CREATE VIEW shelf AS SELECT id, title FROM books;",
        TWO_BOOKS,
        "DROP VIEW shelf; CREATE TABLE shelf AS SELECT id, title FROM books;",
        left=True,
        at_first="The plan promises a view where a table has its name.",
    ),
    Drift(
        "a check of that name is about another column",
        ("bounded",),
        "CREATE TABLE copies (id int, n int CONSTRAINT bounded CHECK (n >= 0), m int);",
        "INSERT INTO copies VALUES (1, 1, 1);",
        """ALTER TABLE copies DROP CONSTRAINT bounded;
        ALTER TABLE copies ADD CONSTRAINT bounded CHECK (m >= 0);""",
        refused="INSERT INTO copies VALUES (1, -1, 1)",
    ),
    Drift(
        "an argument that callers name has another name",
        ("lend",),
        "CREATE FUNCTION lend(book_id int) RETURNS int LANGUAGE sql AS 'SELECT 1';",
        "",
        """DROP FUNCTION lend;
        CREATE FUNCTION lend(book int) RETURNS int LANGUAGE sql AS 'SELECT 1';""",
        left=True,
        at_first="The plan promises to rename an argument, which PostgreSQL refuses.",
    ),
    Drift(
        "a default that callers may not rely on",
        ("lend",),
        "CREATE FUNCTION lend(book_id int, days int) RETURNS int LANGUAGE sql AS 'SELECT 1';",
        "",
        """DROP FUNCTION lend;
        CREATE FUNCTION lend(book_id int, days int DEFAULT 14) RETURNS int LANGUAGE sql
            AS 'SELECT 1';""",
        left=True,
        at_first="The plan promises to take a default away, which PostgreSQL refuses.",
    ),
    Drift(
        "a key of two columns that may be half empty, and is",
        ("loans",),
        """CREATE TABLE members (branch int, id int, PRIMARY KEY (branch, id));
        CREATE TABLE loans (branch int, member int,
            FOREIGN KEY (branch, member) REFERENCES members MATCH FULL DEFERRABLE);""",
        "INSERT INTO members VALUES (1, 1);",
        """ALTER TABLE loans DROP CONSTRAINT loans_branch_member_fkey;
        ALTER TABLE loans ADD FOREIGN KEY (branch, member) REFERENCES members;
        INSERT INTO loans VALUES (1, NULL), (1, 1);""",
        refused="INSERT INTO loans VALUES (1, NULL)",
        quarantine=True,
        at_first="Rows that MATCH FULL forbids are neither listed nor set aside.",
    ),
    Drift(
        "a word outside its domain",
        ("isbn",),
        """CREATE DOMAIN isbn AS text CONSTRAINT of_digits CHECK (VALUE ~ '^[0-9]+$');
        CREATE TABLE books (id int PRIMARY KEY, isbn isbn);""",
        "INSERT INTO books VALUES (1, '12');",
        "ALTER DOMAIN isbn DROP CONSTRAINT of_digits; INSERT INTO books VALUES (2, 'none');",
        refused="INSERT INTO books VALUES (3, 'nor this')",
        quarantine=True,
        at_first="Rows that break a domain are neither listed nor set aside.",
    ),
    Drift(
        "doubles in a table that strangers may not read, where new tables are granted to them",
        ("members",),
        """CREATE TABLE members (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, card text UNIQUE,
            low text GENERATED ALWAYS AS (lower(card)) STORED);
        ALTER TABLE members ENABLE ROW LEVEL SECURITY;
        ALTER TABLE members FORCE ROW LEVEL SECURITY;
        ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO pg_monitor;""",
        "INSERT INTO members (card) VALUES ('a'), ('b');",
        """ALTER TABLE members DROP CONSTRAINT members_card_key;
        ALTER TABLE members ADD x int; ALTER TABLE members DROP x;
        INSERT INTO members (card) VALUES ('a');""",
        refused="""SELECT 1 / count(*) FROM pg_class WHERE relname = 'members_quarantine'
            AND NOT relrowsecurity AND has_table_privilege('pg_monitor', oid, 'SELECT')""",
        quarantine=True,
    ),
    Drift(
        "doubles of which the second one is referred to",
        ("once",),
        """CREATE TABLE members (id int PRIMARY KEY, email text);
        CREATE UNIQUE INDEX once ON members (email);
        CREATE TABLE fines (member int REFERENCES members ON DELETE SET NULL);""",
        "INSERT INTO members VALUES (1, 'a');",
        """DROP INDEX once; INSERT INTO members VALUES (2, 'a');
        INSERT INTO fines VALUES (2);""",
        quarantine=True,
        left=True,
    ),
    Drift(
        "doubles in two partitions",
        ("loans",),
        OF_ONE_YEAR + "ALTER TABLE loans ADD UNIQUE (id, lent_on);",
        "INSERT INTO loans VALUES (1, '2024-05-01', 1), (1, '2026-05-01', 2);",
        """ALTER TABLE loans DROP CONSTRAINT loans_id_lent_on_key;
        INSERT INTO loans VALUES (1, '2024-05-01', 3), (1, '2026-05-01', 4);""",
        quarantine=True,
    ),
    Drift(
        "a trigger is disabled on one partition",
        ("loans_2024",),
        OF_ONE_YEAR
        + REFUSE
        + """CREATE TRIGGER refuse BEFORE DELETE ON loans FOR EACH ROW
            EXECUTE FUNCTION refuse();""",
        "INSERT INTO loans VALUES (1, '2024-03-01', 7);",
        "ALTER TABLE loans_2024 DISABLE TRIGGER refuse;",
        refused="DELETE FROM loans",
    ),
    Drift(
        "a trigger no longer waits for the end of the transaction",
        ("late",),
        BOOKS
        + REFUSE
        + """CREATE CONSTRAINT TRIGGER late AFTER DELETE ON books DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION refuse();""",
        TWO_BOOKS,
        """DROP TRIGGER late ON books; CREATE CONSTRAINT TRIGGER late AFTER DELETE ON books
            FOR EACH ROW EXECUTE FUNCTION refuse();""",
        works="DELETE FROM books",
    ),
    Drift(
        "numbers near their end, in a key and in what refers to it",
        ("books.id", "loans.book_id"),
        BOOKS + LOANS,
        TWO_BOOKS + TWO_LOANS,
        "ALTER TABLE loans ALTER book_id TYPE int; ALTER TABLE books ALTER id TYPE int;",
        works="""INSERT INTO books VALUES (3000000000, 'Kim');
            SELECT setval(pg_get_serial_sequence('books', 'id'), 3000000000)""",
    ),
    Drift(
        "names as long as they may be, with doubles and gaps",
        (LONG,),
        f"CREATE TABLE {LONG} ({LONG} int NOT NULL CONSTRAINT {'e' * 63} UNIQUE,"
        f"{'d' * 63} text NOT NULL, n int CONSTRAINT {'f' * 63} CHECK (n > 0));",
        f"INSERT INTO {LONG} VALUES (1, 'a');",
        f"ALTER TABLE {LONG} DROP CONSTRAINT {'e' * 63}, DROP CONSTRAINT {'f' * 63};"
        f"ALTER TABLE {LONG} ALTER {'d' * 63} DROP NOT NULL, ALTER {LONG} DROP NOT NULL,"
        f"ADD CONSTRAINT {'f' * 63} CHECK (n > -5);"
        f"INSERT INTO {LONG} VALUES (1, 'b'), (NULL, 'x'), (5, NULL);"
        f"INSERT INTO {LONG} VALUES (6, 'c', -1);",
        refused=f"INSERT INTO {LONG} VALUES (7, 'x', -1)",
        quarantine=True,
    ),
)
