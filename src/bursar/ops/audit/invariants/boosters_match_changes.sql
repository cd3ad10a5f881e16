-- P2: A booster ends as the last of its changes says, and its changes have no gaps.
--
-- A finding means that a booster's end was written while its triggers were off, or that changes
-- were altered or removed. Expected is what the changes say, found is what the wallet says; where
-- the changes themselves do not follow one another, `seq` is the first that does not.
--
-- rows: SELECT count(*) FROM public.user_wallet_balances
-- needs: public.booster_changes
WITH chain AS (
    SELECT user_id, seq, until_before, until_after, row_number() OVER own AS place,
        lag(until_after) OVER own AS before, lead(seq) OVER own IS NULL AS is_last
    FROM public.booster_changes
    WINDOW own AS (PARTITION BY user_id ORDER BY seq)
),
wrong AS (
    SELECT DISTINCT ON (user_id) 'the changes of a booster do not follow one another' AS what,
        user_id, seq, format('change %s, from %s', place, coalesce(before::text, 'none'))
            AS expected, format('change %s, from %s', seq, coalesce(until_before::text, 'none'))
            AS found
    FROM chain
    WHERE place <> seq OR until_before IS DISTINCT FROM before
    ORDER BY user_id, seq
),
ended AS (
    SELECT CASE WHEN w.user_id IS NULL THEN 'a booster that runs has no wallet'
            WHEN w.xp_booster_until IS DISTINCT FROM l.until_after
                THEN 'a booster does not end as its last change says'
            ELSE 'the changes of a booster are not as many as its wallet says' END AS what,
        coalesce(w.user_id, l.user_id) AS user_id, NULL::bigint AS seq,
        format('%s, %s changes', coalesce(l.until_after::text, 'none'), coalesce(l.seq, 0))
            AS expected,
        format('%s, %s changes', coalesce(w.xp_booster_until::text, 'none'),
            coalesce(w.booster_seq::text, 'unknown')) AS found
    FROM public.user_wallet_balances AS w
    FULL JOIN (SELECT * FROM chain WHERE is_last) AS l ON l.user_id = w.user_id
    WHERE w.xp_booster_until IS DISTINCT FROM l.until_after
        OR w.user_id IS NOT NULL AND w.booster_seq <> coalesce(l.seq, 0)
)
SELECT what, jsonb_strip_nulls(jsonb_build_object('user_id', user_id, 'seq', seq)) AS ids,
    expected, found, count(*) OVER () AS findings
FROM (SELECT * FROM wrong UNION ALL SELECT * FROM ended) AS x
ORDER BY user_id, what
LIMIT $1::bigint;
