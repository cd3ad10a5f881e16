-- P7: Each deduction is a transaction of its own, and is open, a job's, or was given back.
--
-- A finding means that a credit was deducted and is nowhere, or that one deduction paid for more
-- than one thing: a deduction, a job or a transaction was written, changed or removed past the
-- functions.
--
-- rows: SELECT count(*) FROM public.generation_deductions
-- needs: public.generation_deductions
WITH job AS (
    SELECT deduction, count(*) AS jobs, min(id::text) AS id, min(user_id::text) AS user_id,
        min(status) AS status
    FROM public.generation_jobs WHERE deduction IS NOT NULL GROUP BY deduction
),
back AS (
    SELECT corrects, sum(amount) AS amount FROM bursar.transaction
    WHERE verb = 'refund' AND corrects IS NOT NULL GROUP BY corrects
),
judged AS (
    SELECT coalesce(d.transaction_id, t.id, j.deduction) AS transaction_id,
        CASE WHEN d.transaction_id IS NULL AND t.id IS NULL
                THEN 'a job has a deduction that is not there'
            WHEN d.transaction_id IS NULL THEN 'a credit was deducted and is not noted'
            WHEN t.id IS NULL THEN 'a deduction has no transaction'
            WHEN t.amount <> d.amount OR t.owner_id <> d.user_id::text
                THEN 'a deduction is not what its transaction says'
            WHEN j.jobs > 1 THEN 'several jobs have one deduction'
            WHEN d.status = 'adopted' AND (j.id = d.job_id::text AND j.user_id = d.user_id::text)
                IS NOT TRUE THEN 'a deduction was taken over by no job'
            WHEN d.status = 'open' AND j.id IS NOT NULL OR d.status = 'adopted'
                AND j.status = 'refunded' OR d.status = 'refunded' AND j.status <> 'refunded'
                THEN 'a deduction does not stand as its job does'
            WHEN d.status = 'refunded' AND coalesce(b.amount, 0) <> d.amount
                THEN 'a deduction was not given back as it says' END AS what,
        format('%s of %s', coalesce(d.status, 'nothing'), d.amount) AS expected,
        format('%s deducted, %s given back, job %s', coalesce(t.amount, 0), coalesce(b.amount, 0),
            coalesce(j.status, 'none')) AS found
    FROM public.generation_deductions AS d
    FULL JOIN (SELECT * FROM bursar.transaction WHERE verb = 'deduct_credit') AS t
        ON t.id = d.transaction_id
    FULL JOIN job AS j ON j.deduction = coalesce(d.transaction_id, t.id)
    LEFT JOIN back AS b ON b.corrects = coalesce(d.transaction_id, t.id)
)
SELECT what, jsonb_build_object('transaction_id', transaction_id) AS ids, expected, found,
    count(*) OVER () AS findings
FROM judged
WHERE what IS NOT NULL
ORDER BY transaction_id
LIMIT $1::bigint;
