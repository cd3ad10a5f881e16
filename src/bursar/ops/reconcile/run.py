"""The reconciliation from the audit to the report: look, try, copy, mend, look again."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from psycopg import AsyncConnection

from bursar.db.pool import open_connection
from bursar.ops.audit.report import Report
from bursar.ops.audit.run import run_audit
from bursar.ops.reconcile.carry_out import (
    LOCK_TIMEOUT_MS,
    STATEMENT_TIMEOUT_MS,
    carry_out,
    wallets_of,
)
from bursar.ops.reconcile.plan import Plan, make_plan, refused, suspects
from bursar.ops.reconcile.step import Step, Unmended
from bursar.ops.seal import SealReport, verify_seals
from bursar.settings import Settings

# What one pass mends may be what another finding waited for; then it looks again.
PASSES_MAX = 4
FINDINGS_MAX = 10_000

T = TypeVar("T")


@dataclass(slots=True)
class Reconciliation:
    """What is to be mended, or was, and what compensation cannot mend.

    `backups` are the files with the rows as they were. `left` says how many findings there are now;
    without `applied` nothing was changed.
    """

    applied: bool
    steps: list[Step] = field(default_factory=list)
    unmended: list[Unmended] = field(default_factory=list)
    backups: list[str] = field(default_factory=list)
    left: int = 0

    @property
    def clean(self) -> bool:
        """Whether nothing speaks against the ledger any more."""
        return self.left == 0

    def as_data(self) -> dict[str, Any]:
        """Return everything for JSON."""
        return {
            "clean": self.clean,
            "applied": self.applied,
            "steps": [step.as_data() for step in self.steps],
            "unmended": [one.as_data() for one in self.unmended],
            "backups": self.backups,
            "left": self.left,
        }


@dataclass(frozen=True, slots=True)
class Wishes:
    """How it is to be done: why, by whom, and whether balances stay instead of entries."""

    reason: str
    actor: str
    keep: bool = False
    jobs: int = 2


BackUp = Callable[[list[dict[str, Any]]], str]


async def reconcile(
    url: str,
    settings: Settings,
    wishes: Wishes,
    *,
    back_up: BackUp | None = None,
    on_piece: Callable[[int, int], None] = lambda done, pieces: None,
) -> Reconciliation:
    """Find what is wrong and plan its compensation; with `back_up`, carry the plan out.

    `back_up` is given the rows that are about to be touched and returns where it has put them,
    before the first of them is. Each step is a transaction of its own, under the wallet's locks.

    Raises what `run_audit` raises, and `psycopg.Error` when the database went away.
    """

    async def look(connection: AsyncConnection) -> tuple[Plan, int]:
        report = await run_audit(
            url, settings, limit=FINDINGS_MAX, jobs=wishes.jobs, on_piece=on_piece
        )
        seals = await verify_seals(url, settings, limit=FINDINGS_MAX, jobs=wishes.jobs)
        touched = await wallets_of(connection, suspects(report, seals))
        return make_plan(report, seals, touched, wishes.keep), _count(report, seals)

    return await _on_connection(url, settings, lambda c: _passes(c, look, wishes, back_up))


async def _passes(
    connection: AsyncConnection,
    look: Callable[[AsyncConnection], Awaitable[tuple[Plan, int]]],
    wishes: Wishes,
    back_up: BackUp | None,
) -> Reconciliation:
    result = Reconciliation(applied=back_up is not None)
    for _ in range(PASSES_MAX):
        plan, result.left = await look(connection)
        steps, result.unmended = await _try(connection, plan, wishes)
        if back_up is None or not steps:
            # What was mended before stands; what could not be is told as it is now.
            result.steps += steps
            return result
        copies = [{"where": s.where, "remedy": s.remedy, "rows": s.before} for s in steps]
        result.backups.append(back_up(copies))
        for step in steps:
            why = await _do(connection, step, wishes, earnest=True)
            if why is not None:
                result.unmended += refused(step, why)
        result.steps += [step for step in steps if step.done]
    plan, result.left = await look(connection)
    _, result.unmended = await _try(connection, plan, wishes)
    return result


async def _try(
    connection: AsyncConnection, plan: Plan, wishes: Wishes
) -> tuple[list[Step], list[Unmended]]:
    """Return the steps that would change something, and the findings that nothing can mend."""
    steps, unmended = [], list(plan.unmended)
    for step in plan.steps:
        why = await _do(connection, step, wishes, earnest=False)
        if why is None and step.before == step.after:
            why = "its record says the same as it does, so something else is wrong"
        if why is None:
            steps.append(step)
        else:
            unmended += refused(step, why)
    return steps, unmended


async def _do(
    connection: AsyncConnection, step: Step, wishes: Wishes, *, earnest: bool
) -> str | None:
    return await carry_out(
        connection, step, reason=wishes.reason, actor=wishes.actor, earnest=earnest
    )


async def _on_connection(
    url: str, settings: Settings, work: Callable[[AsyncConnection], Awaitable[T]]
) -> T:
    connection = await open_connection(
        url,
        settings,
        lock_timeout_ms=LOCK_TIMEOUT_MS,
        statement_timeout_ms=STATEMENT_TIMEOUT_MS,
        prepare_threshold=None,
    )
    try:
        return await work(connection)
    finally:
        await connection.close()


def _count(report: Report, seals: SealReport) -> int:
    return sum(verdict.findings for verdict in report.verdicts) + seals.findings
