-- Rows for the library, so that a repair has something to lose.
INSERT INTO lib.members (email, name, nickname, home, joined_at)
SELECT 'm' || g || '@example.org', 'Member ' || g, nullif('nick' || g % 3, 'nick0'),
    ROW('Street ' || g, 'Town')::lib.address, timestamptz '2025-01-01 12:00+00' + g * interval '1 h'
FROM generate_series(1, 200) AS g;
INSERT INTO lib.books (isbn, title, pages, price, shelf)
SELECT lpad(g::text, 10, '0'), 'Book ' || g, g * 7 % 900, g % 40, 'S' || g % 9
FROM generate_series(1, 100) AS g;
INSERT INTO lib.copies SELECT b, n FROM generate_series(1, 100) AS b, generate_series(1, 2) AS n;
INSERT INTO lib.loans (member_id, book_id, number, due)
SELECT g, 1 + g % 100, 1 + g % 2, date '2026-01-01' + g FROM generate_series(1, 200) AS g;
INSERT INTO lib.journal (at, what)
SELECT timestamptz '2025-06-01 00:00+00' + g * interval '1 day', 'event ' || g
FROM generate_series(1, 400) AS g;
REFRESH MATERIALIZED VIEW lib.book_counts;
