"""What the tables of generation promise beside the ledger's own promises, as SQL.

Each is a promise, a sentence, and a query whose rows are exceptions to it.
"""

CHECKS_OF_JOBS: tuple[tuple[str, str, str], ...] = (
    (
        "P7",
        "a completed job was captured or deducted, and no other job holds a credit once it ended",
        """
        SELECT j.id, j.status, j.hold, h.status FROM public.generation_jobs AS j
        LEFT JOIN bursar.hold AS h ON h.id = j.hold
        WHERE j.hold IS NOT NULL AND h.id IS NULL
            OR j.status IN ('completed', 'failed', 'refunded') AND h.status = 'open'
            OR j.status <> 'completed' AND h.captured > 0
            OR j.status = 'completed' AND j.deduction IS NULL AND h.captured = 0
        """,
    ),
    (
        "P7",
        "a deduction is open, one job's, or went back in full",
        """
        SELECT d.transaction_id, d.status, j.status, b.amount
        FROM public.generation_deductions AS d
        LEFT JOIN public.generation_jobs AS j ON j.deduction = d.transaction_id
        LEFT JOIN LATERAL (SELECT coalesce(sum(t.amount), 0) AS amount FROM bursar.transaction AS t
            WHERE t.corrects = d.transaction_id AND t.verb = 'refund') AS b ON true
        WHERE CASE d.status WHEN 'open' THEN j.id IS NULL AND d.ended_at IS NULL
            WHEN 'adopted' THEN j.id = d.job_id AND j.status <> 'refunded'
            ELSE b.amount = d.amount AND j.status IS NOT DISTINCT FROM
                CASE WHEN d.job_id IS NOT NULL THEN 'refunded' END END IS NOT TRUE
        """,
    ),
)
