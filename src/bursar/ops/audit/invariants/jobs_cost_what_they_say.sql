-- P7: A completed job cost its price, a refunded one nothing, an open one what was deducted for it.
--
-- A finding means that somebody paid for what they did not get, or got what they did not pay for: a
-- job, its hold or a transaction was written, changed or removed past the functions.
--
-- rows: SELECT count(*) FROM public.generation_jobs
-- needs: public.generation_jobs
--
-- What a job cost is what its transactions took from its user: entries of the wallet, and of what
-- the user owes instead.
WITH part AS (
    SELECT j.id AS job_id, t.id AS transaction_id
    FROM public.generation_jobs AS j
    JOIN bursar.transaction AS t ON t.hold_id = j.hold
    UNION SELECT j.id, t.id FROM public.generation_jobs AS j
    JOIN bursar.transaction AS t ON t.id = j.deduction OR t.corrects = j.deduction
    UNION SELECT j.id, t.id FROM public.generation_jobs AS j
    JOIN bursar.transaction AS t ON t.verb = 'adjust' AND t.metadata ->> 'job' = j.id::text
),
cost AS (
    SELECT p.job_id, sum(CASE e.asset WHEN 'generation_credit' THEN -e.amount
        WHEN 'generation_credit:owed' THEN e.amount ELSE 0 END) AS paid
    FROM part AS p
    JOIN public.generation_jobs AS j ON j.id = p.job_id
    JOIN bursar.entry AS e ON e.transaction_id = p.transaction_id
        AND e.owner_id = j.user_id::text
    GROUP BY p.job_id
),
due AS (
    SELECT j.id, j.status, coalesce(c.paid, 0) AS paid,
        CASE j.status WHEN 'completed' THEN j.price WHEN 'refunded' THEN 0
            ELSE coalesce(d.amount, 0) END AS price
    FROM public.generation_jobs AS j
    LEFT JOIN cost AS c ON c.job_id = j.id
    LEFT JOIN public.generation_deductions AS d ON d.transaction_id = j.deduction
)
SELECT CASE status WHEN 'completed' THEN 'a completed job did not cost its price'
        WHEN 'refunded' THEN 'a refunded job was not given back'
        ELSE 'an open job cost another amount than was deducted' END AS what,
    jsonb_build_object('job_id', id) AS ids, price::text AS expected, paid::text AS found,
    count(*) OVER () AS findings
FROM due
WHERE paid <> price
ORDER BY id
LIMIT $1::bigint;
