"""Drift of types, columns, partitions, indexes and of how a table is kept."""

from tests.blind_drift import BOOKS, LOANS, MEMBERS, TWO_BOOKS, TWO_LOANS, Drift

PARTITIONED = """CREATE TABLE loans (id int, lent_on date, member int)
        PARTITION BY RANGE (lent_on);
    CREATE TABLE loans_2024 PARTITION OF loans FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
    CREATE TABLE loans_2025 PARTITION OF loans FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
    CREATE TABLE loans_other PARTITION OF loans DEFAULT;
    CREATE INDEX loans_by_member ON loans (member);"""
OF_TWO_YEARS = "INSERT INTO loans VALUES (1, '2024-03-01', 7), (2, '2025-03-01', 8);"

SHAPES = (
    Drift(
        "a short column that everything hangs on",
        ("books", "title"),
        """CREATE TABLE books (id int PRIMARY KEY, title text NOT NULL,
            search text GENERATED ALWAYS AS (lower(title)) STORED);
        CREATE VIEW shelf AS SELECT id, title FROM books;
        GRANT SELECT ON shelf TO pg_monitor;
        CREATE MATERIALIZED VIEW index_cards AS SELECT title, count(*) AS n FROM shelf GROUP BY 1;
        CREATE UNIQUE INDEX index_cards_once ON index_cards (title);
        ALTER TABLE books ENABLE ROW LEVEL SECURITY;
        CREATE POLICY read ON books FOR SELECT USING (title <> 'secret');
        CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END$$;
        CREATE TRIGGER touch BEFORE UPDATE OF title ON books FOR EACH ROW
            WHEN (OLD.title <> NEW.title) EXECUTE FUNCTION touch();""",
        "INSERT INTO books VALUES (1, 'Emma');",
        """DROP MATERIALIZED VIEW index_cards; DROP VIEW shelf; DROP POLICY read ON books;
        DROP TRIGGER touch ON books; ALTER TABLE books DROP search;
        ALTER TABLE books ALTER title TYPE varchar(20);
        ALTER TABLE books ADD search text GENERATED ALWAYS AS (lower(title)) STORED;
        CREATE VIEW shelf AS SELECT id, title FROM books;
        GRANT SELECT ON shelf TO pg_monitor;
        CREATE MATERIALIZED VIEW index_cards AS SELECT title, count(*) AS n FROM shelf GROUP BY 1;
        CREATE UNIQUE INDEX index_cards_once ON index_cards (title);
        CREATE POLICY read ON books FOR SELECT USING (title <> 'secret');
        CREATE TRIGGER touch BEFORE UPDATE OF title ON books FOR EACH ROW
            WHEN (OLD.title <> NEW.title) EXECUTE FUNCTION touch();""",
        left=True,
        at_first="The plan promises what PostgreSQL refuses while others depend on the column.",
    ),
    Drift(
        "a time without its zone, with rows that say noon",
        ("lent_at",),
        "CREATE TABLE loans (id int PRIMARY KEY, lent_at timestamptz NOT NULL);",
        "",
        """ALTER TABLE loans ALTER lent_at TYPE timestamp;
        INSERT INTO loans VALUES (1, '2024-07-01 12:00');""",
        left=True,
    ),
    Drift(
        "a price in binary fractions",
        ("price",),
        "CREATE TABLE books (id int PRIMARY KEY, price numeric(10,2) NOT NULL);",
        "",
        """ALTER TABLE books ALTER price TYPE double precision;
        INSERT INTO books VALUES (1, 0.1 + 0.2), (2, 1e20);""",
        left=True,
    ),
    Drift(
        "words where an enum is expected, some of them no member of it",
        ("state",),
        """CREATE TYPE state AS ENUM ('shelved', 'lent');
        CREATE TABLE copies (id int PRIMARY KEY, state state NOT NULL DEFAULT 'shelved');""",
        "",
        """ALTER TABLE copies ALTER state DROP DEFAULT, ALTER state TYPE text;
        INSERT INTO copies VALUES (1, 'lent'), (2, 'Lent '), (3, '');""",
        left=True,
    ),
    Drift(
        "an enum that lacks a word in its middle",
        ("state",),
        """CREATE TYPE state AS ENUM ('shelved', 'lent', 'lost', 'sold');
        CREATE TABLE copies (id int PRIMARY KEY, state state NOT NULL DEFAULT 'shelved');""",
        "INSERT INTO copies VALUES (1, 'sold');",
        """ALTER TABLE copies ALTER state DROP DEFAULT, ALTER state TYPE text;
        DROP TYPE state; CREATE TYPE state AS ENUM ('shelved', 'lent', 'sold');
        ALTER TABLE copies ALTER state TYPE state USING state::state,
            ALTER state SET DEFAULT 'shelved';""",
        works="UPDATE copies SET state = 'lost'; SELECT 1 / ('lost'::state < 'sold')::int",
    ),
    Drift(
        "a domain that lets everything in",
        ("isbn",),
        """CREATE DOMAIN isbn AS text CONSTRAINT of_digits CHECK (VALUE ~ '^[0-9]+$');
        CREATE TABLE books (id int PRIMARY KEY, isbn isbn, others isbn[]);""",
        "INSERT INTO books VALUES (1, '12', '{3,4}');",
        """ALTER DOMAIN isbn DROP CONSTRAINT of_digits;
        INSERT INTO books VALUES (2, 'none', '{x}');""",
        refused="INSERT INTO books VALUES (3, 'nor this', NULL)",
        quarantine=True,
        left=True,
        at_first="Rows that break a domain are neither listed nor set aside.",
    ),
    Drift(
        "a default that stood still on the day of its migration",
        ("lent_at",),
        "CREATE TABLE loans (id int, lent_at timestamptz DEFAULT now());",
        "INSERT INTO loans VALUES (1);",
        "ALTER TABLE loans ALTER lent_at SET DEFAULT 'now'::timestamptz;",
    ),
    Drift(
        "a column somebody renamed",
        ("title",),
        BOOKS,
        TWO_BOOKS,
        "ALTER TABLE books RENAME title TO book_title;",
        works="UPDATE books SET book_title = book_title",
        left=True,
        at_first="A check of the repair's own is left behind; no existing row can be changed.",
    ),
    Drift(
        "a column of the dashboard's that nobody fills in",
        ("shelf_mark",),
        BOOKS,
        TWO_BOOKS,
        "ALTER TABLE books ADD shelf_mark text NOT NULL DEFAULT '?';"
        "ALTER TABLE books ALTER shelf_mark DROP DEFAULT;",
        left=True,
    ),
    Drift(
        "a check of the same name that says something weaker, and a row that lived by it",
        ("copies_bounded",),
        "CREATE TABLE copies (id int PRIMARY KEY, n int CONSTRAINT copies_bounded CHECK (n >= 0));",
        "INSERT INTO copies VALUES (1, 1);",
        """ALTER TABLE copies DROP CONSTRAINT copies_bounded;
        ALTER TABLE copies ADD CONSTRAINT copies_bounded CHECK (n >= -5);
        INSERT INTO copies VALUES (2, -3);""",
        refused="INSERT INTO copies VALUES (3, -1)",
        quarantine=True,
    ),
    Drift(
        "a check that is written down and not enforced",
        ("copies",),
        "CREATE TABLE copies (id int PRIMARY KEY, n int CONSTRAINT bounded CHECK (n >= 0));",
        "INSERT INTO copies VALUES (1, 1);",
        """ALTER TABLE copies DROP CONSTRAINT bounded;
        ALTER TABLE copies ADD CONSTRAINT bounded CHECK (n >= 0) NOT ENFORCED;""",
        refused="INSERT INTO copies VALUES (3, -1)",
        since=18,
    ),
    Drift(
        "a column that must be there, but was never looked through",
        ("books",),
        BOOKS,
        TWO_BOOKS,
        """ALTER TABLE books ALTER title DROP NOT NULL; INSERT INTO books (title) VALUES (NULL);
        ALTER TABLE books ADD CONSTRAINT has_title NOT NULL title NOT VALID;""",
        quarantine=True,
        since=18,
    ),
    Drift(
        "a year's partition was never made, and its rows are in the default one",
        ("loans_2025",),
        PARTITIONED,
        "INSERT INTO loans VALUES (1, '2024-03-01', 7);",
        "DROP TABLE loans_2025; INSERT INTO loans VALUES (2, '2025-03-01', 8);",
        left=True,
        at_first="Rows of the default partition are not looked at before.",
    ),
    Drift(
        "a partition that was detached and forgotten",
        ("loans_2024",),
        PARTITIONED,
        OF_TWO_YEARS,
        "ALTER TABLE loans DETACH PARTITION loans_2024;",
        left=True,
    ),
    Drift(
        "an index of the parent only, which is invalid for ever",
        ("loans_by_member",),
        PARTITIONED,
        OF_TWO_YEARS,
        "DROP INDEX loans_by_member; CREATE INDEX loans_by_member ON ONLY loans (member);",
        left=True,
    ),
    Drift(
        "indexes that are there, and not what the queries need",
        ("by_title", "by_lent", "open_loans"),
        BOOKS
        + LOANS
        + """CREATE INDEX by_title ON books (title text_pattern_ops);
        CREATE INDEX by_lent ON loans (lent_on DESC NULLS LAST, id);
        CREATE INDEX open_loans ON loans (member_id) INCLUDE (book_id);""",
        TWO_BOOKS + TWO_LOANS,
        """DROP INDEX by_title, by_lent, open_loans; CREATE INDEX by_title ON books (title);
        CREATE INDEX by_lent ON loans (lent_on, id);
        CREATE INDEX open_loans ON loans (member_id);""",
    ),
    Drift(
        "a column is sorted by other rules than its key was built for",
        ("card",),
        'CREATE TABLE members (card text COLLATE "C" PRIMARY KEY, name text);',
        "INSERT INTO members VALUES ('a', 'Ann'), ('B', 'Bob');",
        'ALTER TABLE members ALTER card TYPE text COLLATE "POSIX";',
        left=True,
    ),
    Drift(
        "a table that a crash would empty",
        ("loans",),
        BOOKS + LOANS,
        TWO_BOOKS + TWO_LOANS,
        "ALTER TABLE loans SET UNLOGGED;",
        works="SELECT 1 / (relpersistence = 'p')::int FROM pg_class WHERE relname = 'loans'",
    ),
    Drift(
        "vacuum was switched off for a load, and stayed off",
        ("loans",),
        BOOKS + LOANS,
        TWO_BOOKS + TWO_LOANS,
        "ALTER TABLE loans SET (autovacuum_enabled = off);",
        note=True,
    ),
    Drift(
        "a table that tells its subscribers nothing of what is changed",
        ("members",),
        MEMBERS + "CREATE PUBLICATION changes FOR TABLE members;",
        "INSERT INTO members (email) VALUES ('ann@x.org');",
        "ALTER TABLE members REPLICA IDENTITY NOTHING;",
        works="UPDATE members SET email = 'bob@x.org'",
        at_first="It is called a note, and no row of the published table can be changed.",
    ),
    Drift(
        "a child that no longer inherits",
        ("maps",),
        """CREATE TABLE things (id int, title text);
        CREATE TABLE maps (scale int) INHERITS (things);""",
        "INSERT INTO maps VALUES (1, 'Rome', 100);",
        "ALTER TABLE maps NO INHERIT things;",
        left=True,
    ),
    Drift(
        "two tables that need each other are missing, and names that must be quoted",
        ("Loan Items", 'due"date'),
        """CREATE TABLE "Member's" (id int PRIMARY KEY, "order" int);
        CREATE TABLE "Loan Items" (id int PRIMARY KEY, "due""date" date DEFAULT '2024-01-01',
            "who?" int REFERENCES "Member's");
        ALTER TABLE "Member's" ADD FOREIGN KEY ("order") REFERENCES "Loan Items";
        CREATE TABLE "Été" ("select" int PRIMARY KEY, "%s" text NOT NULL DEFAULT E'a\\'b%%$1{}');
        """,
        'INSERT INTO "Été" VALUES (1);',
        """DROP TABLE "Member's" CASCADE; ALTER TABLE "Loan Items" DROP "due""date";
        ALTER TABLE "Été" DROP "%s";""",
        works="""INSERT INTO "Member's" (id) VALUES (1); INSERT INTO "Loan Items" (id, "who?")
            VALUES (1, 1); INSERT INTO "Été" VALUES (2)""",
    ),
)
