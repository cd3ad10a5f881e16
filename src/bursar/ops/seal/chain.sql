-- Every seal in order, and what is wrong with its place in the chain: a number left out, a range
-- that does not begin where the one before it ends, another digest before it than the seal says.
-- Whether a seal's own digest is right is asked of each by itself (blocks.sql).
SELECT s.number, s.from_id, s.to_id, s.transactions + s.entries AS row_count,
    encode(s.digest, 'hex') AS digest, to_char(s.made_at AT TIME ZONE 'UTC',
        'YYYY-MM-DD HH24:MI:SS') AS made_at, s.made_by,
    CASE WHEN s.number <> row_number() OVER own THEN 'a seal is missing'
        WHEN s.from_id <> lag(s.to_id) OVER own + 1
            THEN 'a seal does not begin where the one before it ends'
        WHEN s.previous IS DISTINCT FROM lag(s.digest) OVER own
            THEN 'a seal does not follow the one before it' END AS what,
    coalesce(encode(lag(s.digest) OVER own, 'hex'), 'none') AS before,
    coalesce(encode(s.previous, 'hex'), 'none') AS previous
FROM bursar.seal AS s
WINDOW own AS (ORDER BY s.number)
ORDER BY s.number;
