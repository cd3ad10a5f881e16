"""What somebody with every right could do to jobs, holds and deductions, and what names it."""

from tests.damage import Damage

_JOBS, _DEDUCTIONS = "public.generation_jobs", "public.generation_deductions"
_JOB = "RETURNING jsonb_build_object('job_id', id)"
_TRANSACTION = "RETURNING jsonb_build_object('transaction_id', transaction_id)"
_CAPTURED = f"(SELECT min(hold) FROM {_JOBS} WHERE status = 'completed' AND deduction IS NULL)"
_OPEN = f"(SELECT hold FROM {_JOBS} WHERE status = 'processing' AND hold IS NOT NULL)"
_ADOPTED = f"(SELECT min(deduction) FROM {_JOBS} WHERE status = 'completed')"
_MISSING_HOLD = "RETURNING jsonb_build_object('hold_id', id)"

DAMAGE_TO_JOBS: tuple[Damage, ...] = (
    Damage(
        "jobs_cost_what_they_say",
        "a completed job did not cost its price",
        f"UPDATE {_JOBS} SET price = price + 1 WHERE status = 'completed' {_JOB}",
    ),
    Damage(
        "jobs_cost_what_they_say",  # it was ended twice
        "a completed job did not cost its price",
        f"UPDATE {_JOBS} SET status = 'completed' WHERE status = 'refunded' {_JOB}",
    ),
    Damage(
        "jobs_cost_what_they_say",
        "a refunded job was not given back",
        f"UPDATE {_JOBS} SET status = 'refunded' WHERE status = 'completed' {_JOB}",
    ),
    Damage(
        "jobs_cost_what_they_say",
        "an open job cost another amount than was deducted",
        f"UPDATE {_JOBS} SET status = 'queued', due_at = now() WHERE status = 'completed'"
        f" AND deduction IS NULL {_JOB}",
        unchecked=_JOBS,
    ),
    Damage(
        "jobs_match_holds",
        "a hold has no job",
        f"DELETE FROM {_JOBS} WHERE hold = {_CAPTURED}"
        " RETURNING jsonb_build_object('hold_id', hold)",
    ),
    Damage(
        "jobs_match_holds",
        "a job has nothing that pays for it",
        f"UPDATE {_JOBS} SET hold = NULL WHERE hold = {_CAPTURED} {_JOB}",
        unchecked=_JOBS,
    ),
    Damage(
        "jobs_match_holds",
        "a job has no hold",
        f"DELETE FROM bursar.hold WHERE id = {_CAPTURED} {_MISSING_HOLD}",
    ),
    Damage(
        "jobs_match_holds",
        "several jobs have one hold",
        f"ALTER TABLE {_JOBS} DROP CONSTRAINT generation_jobs_hold_key;"
        f" UPDATE {_JOBS} SET hold = {_CAPTURED} WHERE status = 'refunded' AND deduction IS NULL"
        f" {_JOB}",
    ),
    Damage(
        "jobs_match_holds",
        "a job has the hold of another",
        f"UPDATE {_JOBS} SET user_id = gen_random_uuid() WHERE hold = {_CAPTURED} {_JOB}",
    ),
    Damage(
        "jobs_match_holds",
        "an open job has a hold that has ended",
        f"UPDATE bursar.hold SET status = 'released', released = amount WHERE id IN {_OPEN}"
        f" {_MISSING_HOLD}",
        unchecked="bursar.hold",
    ),
    Damage(
        "jobs_match_holds",
        "a hold outlived its job",
        f"UPDATE bursar.hold SET status = 'open', captured = 0 WHERE id = {_CAPTURED}"
        f" {_MISSING_HOLD}",
        unchecked="bursar.hold",
    ),
    Damage(
        "jobs_match_holds",
        "a job was captured and is not completed",
        f"UPDATE {_JOBS} SET status = 'refunded' WHERE hold = {_CAPTURED} {_JOB}",
    ),
    Damage(
        "deductions_match_jobs",
        "a job has a deduction that is not there",
        f"UPDATE {_JOBS} SET deduction = 999999999 WHERE deduction = {_ADOPTED}"
        " RETURNING jsonb_build_object('transaction_id', deduction)",
    ),
    Damage(
        "deductions_match_jobs",
        "a credit was deducted and is not noted",
        f"DELETE FROM {_DEDUCTIONS} WHERE status = 'open' {_TRANSACTION}",
    ),
    Damage(
        "deductions_match_jobs",
        "a deduction has no transaction",
        "DELETE FROM bursar.transaction WHERE verb = 'deduct_credit'"
        " RETURNING jsonb_build_object('transaction_id', id)",
    ),
    Damage(
        "deductions_match_jobs",
        "a deduction is not what its transaction says",
        f"UPDATE {_DEDUCTIONS} SET amount = amount + 1 {_TRANSACTION}",
    ),
    Damage(
        "deductions_match_jobs",
        "several jobs have one deduction",
        f"ALTER TABLE {_JOBS} DROP CONSTRAINT generation_jobs_deduction_key;"
        f" UPDATE {_JOBS} SET deduction = {_ADOPTED} WHERE status = 'refunded'"
        " RETURNING jsonb_build_object('transaction_id', deduction)",
    ),
    Damage(
        "deductions_match_jobs",
        "a deduction was taken over by no job",
        f"UPDATE {_DEDUCTIONS} SET status = 'adopted' WHERE status = 'open' {_TRANSACTION}",
    ),
    Damage(
        "deductions_match_jobs",
        "a deduction does not stand as its job does",
        f"UPDATE {_DEDUCTIONS} SET status = 'open' WHERE status = 'adopted' {_TRANSACTION}",
    ),
    Damage(
        "deductions_match_jobs",
        "a deduction was not given back as it says",
        f"UPDATE {_DEDUCTIONS} SET status = 'refunded' WHERE status = 'open' {_TRANSACTION}",
    ),
)
