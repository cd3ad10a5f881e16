-- P7: Each job has a hold or a deduction of its own, and none is held for once it has ended.
--
-- A finding means that a credit is held for nothing, or that a job goes on which nothing is set
-- aside for: a job or a hold was written, changed or removed past the functions. A hold that has
-- lapsed may wait for its job to be swept.
--
-- rows: SELECT count(*) FROM public.generation_jobs
-- needs: public.generation_jobs
WITH held AS (
    SELECT id, owner_id, status, amount, captured, metadata ->> 'job' AS job FROM bursar.hold
    WHERE asset = 'generation_credit' AND reason = 'generation'
),
judged AS (
    SELECT coalesce(j.id::text, h.job) AS job_id, coalesce(j.hold, h.id) AS hold_id,
        CASE WHEN j.id IS NULL THEN 'a hold has no job'
            WHEN j.hold IS NULL AND j.deduction IS NULL THEN 'a job has nothing that pays for it'
            WHEN j.hold IS NULL THEN NULL
            WHEN h.id IS NULL THEN 'a job has no hold'
            WHEN count(*) OVER (PARTITION BY j.hold) > 1 THEN 'several jobs have one hold'
            WHEN (h.owner_id = j.user_id::text AND h.job = j.id::text) IS NOT TRUE
                THEN 'a job has the hold of another'
            WHEN j.status IN ('queued', 'processing') AND h.status NOT IN ('open', 'expired')
                THEN 'an open job has a hold that has ended'
            WHEN j.status NOT IN ('queued', 'processing') AND h.status = 'open'
                THEN 'a hold outlived its job'
            WHEN j.status <> 'completed' AND h.captured > 0
                THEN 'a job was captured and is not completed' END AS what,
        coalesce(j.status, 'none') AS job_status,
        coalesce(h.status, 'none') AS hold_status
    FROM public.generation_jobs AS j
    FULL JOIN held AS h ON h.id = j.hold
)
SELECT what, jsonb_strip_nulls(jsonb_build_object('job_id', job_id, 'hold_id', hold_id)) AS ids,
    'a hold that fits a job ' || job_status AS expected, 'a hold ' || hold_status AS found,
    count(*) OVER () AS findings
FROM judged
WHERE what IS NOT NULL
ORDER BY hold_id, job_id
LIMIT $1::bigint;
