"""Carries a plan out: bounded locks, retries, each step looked at afterwards, a journal."""

import contextlib
import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import psycopg

from bursar.ops.doctor.repair import Plan
from bursar.ops.doctor.step import Blocker, Statement, Step

Ending = Literal["done", "guarded", "blocked", "asked", "failed"]

_AGAIN = {"55P03", "40P01", "40001"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What somebody allowed, and how long others may be kept waiting.

    `changes` allows every step that replaces or widens something; else `agree` is asked of each.
    Whoever waits for a table's lock has everybody behind it wait as well, so `lock_timeout_ms` is
    short and there are many `attempts`. `hold_ms` bounds how long such a lock is then held.
    """

    changes: bool = False
    agree: Callable[[Step], bool] = lambda step: False
    quarantine: bool = False
    lock_timeout_ms: int = 300
    hold_ms: int = 10_000
    patience_ms: int = 60_000
    attempts: int = 15


@dataclass(slots=True)
class Result:
    """What became of a step.

    `rows` are those that stand in its way, at most twenty of each kind; `aside` counts those that
    were moved into a side table for it.
    """

    step: Step
    ending: Ending
    error: str = ""
    rows: list[Any] = field(default_factory=list)
    blocked_by: list[str] = field(default_factory=list)
    aside: int = 0
    seconds: float = 0.0

    def as_data(self) -> dict[str, Any]:
        """Return the result as JSON."""
        return {
            "finding": self.step.finding.id,
            "ending": self.ending,
            "error": self.error,
            "blocked_by": self.blocked_by,
            "rows": self.rows,
            "set_aside": self.aside,
            "seconds": round(self.seconds, 3),
        }


class Repair:
    """One run of a plan on one connection. `journal` is told of every statement."""

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        choices: Choices,
        journal: Callable[[str], object],
    ) -> None:
        self._connection = connection
        self._choices = choices
        self._journal = journal

    def run(self, plan: Plan, on_step: Callable[[Result], object]) -> list[Result]:
        """Carry out what may be carried out.

        What fails because something else is not there yet is tried again after the others, as long
        as that helps.
        """
        self._connection.execute("SET search_path = ''")
        self._connection.execute("SET check_function_bodies = off")
        results: dict[int, Result] = {}
        left = list(enumerate(plan.steps))
        while left:
            again = []
            for place, step in left:
                results[place] = result = self._carry_out(step)
                if result.ending == "failed":
                    again.append((place, step))
                else:
                    on_step(result)
            if len(again) == len(left):
                for place, _ in again:
                    on_step(results[place])
                break
            left = again
        done = [result.step for result in results.values() if result.ending in ("done", "guarded")]
        self._analyze(sorted({step.table for step in done if step.table}))
        return [results[place] for place in sorted(results)]

    def _carry_out(self, step: Step) -> Result:
        started = time.monotonic()
        result = Result(step, "done")
        try:
            if step.risk == "changes" and not self._allowed(step):
                result.ending = "asked"
                return result
            self._look_for_rows(step.blockers, result)
            if result.blocked_by and not step.guards_first:
                result.ending = "blocked"
                return result
            for statement in step.statements:
                if not (result.blocked_by and statement.proves):
                    self._send(step, statement)
            if result.blocked_by:
                result.ending = "guarded"
        except psycopg.Error as error:
            result.ending = "failed"
            result.error = error.diag.message_primary or str(error)
            self._write(step, "failed", result.error)
            self._clean_up(step)
        result.seconds = time.monotonic() - started
        return result

    def _allowed(self, step: Step) -> bool:
        return self._choices.changes or self._choices.agree(step)

    def _look_for_rows(self, blockers: Sequence[Blocker], result: Result) -> None:
        """Find the rows that stand in the way; set them aside where somebody said so."""
        for blocker in blockers:
            try:
                [(count,)] = self._connection.execute(blocker.count.encode()).fetchall()
            except (psycopg.errors.UndefinedColumn, psycopg.errors.UndefinedTable):
                continue  # What it would count is not there yet, so nothing can be in the way.
            if not count:
                continue
            if self._choices.quarantine and blocker.quarantine and not self._is_every(blocker):
                self._send(result.step, Statement(blocker.quarantine))
                were = count
                [(count,)] = self._connection.execute(blocker.count.encode()).fetchall()
                result.aside += were - count
                if not count:
                    continue
            result.blocked_by.append(f"{blocker.sentence} ({count} of them) {blocker.proposal}")
            found = self._connection.execute(blocker.rows.encode()).fetchall()
            result.rows.extend(row[0] for row in found)

    def _is_every(self, blocker: Blocker) -> bool:
        """Whether setting rows aside would leave none."""
        if not blocker.every:
            return False
        return self._connection.execute(blocker.every.encode()).fetchone() == (True,)

    def _send(self, step: Step, statement: Statement) -> None:
        """Send a statement; again, where a lock was not to be had in time."""
        for attempt in range(1, self._choices.attempts + 1):
            try:
                self._write(step, "begins", statement.sql)
                self._wait_at_most(statement)
                if statement.alone:
                    self._connection.execute(statement.sql.encode(), prepare=False)
                else:
                    with self._connection.transaction():
                        held = 0 if statement.proves else self._choices.hold_ms
                        self._connection.execute(f"SET LOCAL statement_timeout = {held}".encode())
                        self._connection.execute(statement.sql.encode(), prepare=False)
                self._write(step, "ended", statement.sql)
                return
            except psycopg.Error as error:
                if error.sqlstate not in _AGAIN or attempt == self._choices.attempts:
                    raise
                # Whoever waits for a table's lock has everybody else wait behind: let them pass.
                # A build that was broken off has left a name behind that would pass for the index.
                if statement.alone:
                    self._clean_up(step)
                # The chance spreads the tries.
                time.sleep(random.uniform(0.5, 1.5) * min(0.1 * 2**attempt, 3))  # noqa: S311

    def _wait_at_most(self, statement: Statement) -> None:
        """Bound the wait for locks; only where nobody stands behind us it may take longer."""
        alone_in_line = statement.proves or "INDEX CONCURRENTLY" in statement.sql
        choices = self._choices
        most = choices.patience_ms if alone_in_line else choices.lock_timeout_ms
        self._connection.execute(f"SET lock_timeout = {most}".encode())

    def _clean_up(self, step: Step) -> None:
        for sql in step.cleanup:
            with contextlib.suppress(psycopg.Error):
                self._write(step, "begins", sql)
                self._connection.execute(sql.encode(), prepare=False)
                self._write(step, "ended", sql)

    def _analyze(self, tables: Sequence[str]) -> None:
        for table in tables:
            try:
                self._connection.execute(f"ANALYZE {table}".encode())
            except psycopg.Error:
                continue  # It is missing still, or somebody is at it.

    def _write(self, step: Step, what: str, text: str) -> None:
        self._journal(
            json.dumps(
                {
                    "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
                    "finding": step.finding.id,
                    "what": what,
                    "text": text,
                }
            )
            + "\n"
        )
