"""A deployment of the schema, guided: backup, up, verify, smoke; or the way back, in commands.

Each stage is done only when the one before it held. What is under way is told as it happens; what
came of it is data.
"""

import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from bursar.db.fault import ClusterError
from bursar.errors import BursarError
from bursar.ops import migrate
from bursar.ops.backup import take_backup, verify_backup
from bursar.ops.backup.demand import require_backup
from bursar.ops.migrate.decide import Plan
from bursar.ops.migrate.errors import NotReached
from bursar.ops.migrate.session import connect
from bursar.ops.migrate.state import AppliedStep, read_state
from bursar.settings import Settings

# What tries the deployment that serves this database, and says in a sentence what came of it.
# It raises `StageFailed` when a promise is broken.
Smoke = Callable[[], str]


class StageFailed(BursarError):
    """A stage of a deployment did not hold; those after it were not begun."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class StageDone:
    """A stage that held, the seconds that it took, and what came of it."""

    name: str
    seconds: float
    result: str


@dataclass(slots=True)
class Deployed:
    """How far a deployment came. `failed` names the stage that did not hold, if one did not.

    `way_back` are the commands that undo what was done, the gentlest first.
    """

    done: list[StageDone] = field(default_factory=list)
    failed: str = ""
    complaint: str = ""
    exit_code: int = 0
    way_back: list[str] = field(default_factory=list)


class Telling:
    """Where a deployment tells what it does: stages that begin and end, what is under way."""

    def began(self, name: str, number: int, of: int) -> None:
        """A stage begins."""

    def under_way(self, doing: str) -> None:
        """How far it is."""

    def ended(self, stage: StageDone) -> None:
        """A stage held."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """What is to be done to which database.

    `backup` is None where a verified backup is there, and is to be taken for the way back, in
    `known`; both are None where there is nothing to back up yet. `typed` ends every command of the
    way back: options that name the database, as they are typed here.
    """

    url: str
    settings: Settings
    plan: Plan
    rooms: Sequence[str] | None
    contract: bool
    directory: Path | None
    known: Path | None
    before: tuple[str, ...]
    smoke: Smoke | None
    typed: str

    @property
    def stages(self) -> tuple[str, ...]:
        """The names of the stages, in order."""
        first = ("backup",) if self.directory is not None else ()
        return (*first, "up", "verify", *(("smoke",) if self.smoke is not None else ()))

    @property
    def lines(self) -> list[str]:
        """The plan, in sentences."""
        return [f"{name}: {self._means(name)}" for name in self.stages]

    def _means(self, name: str) -> str:
        if name == "backup":
            return f"write a backup into {self.directory}, and prove that it restores"
        if name == "up":
            steps = ", ".join(step.name for step in self.plan.steps) or "no step"
            apart = f", {len(self.plan.apart)} beside the traffic" if self.plan.apart else ""
            return f"{steps}, {len(self.plan.routines)} routines{apart}"
        if name == "verify":
            return "every verify.sql, every file, and the catalogue"
        return "a few buyers at once, with owners of their own, put away afterwards"


def prepare(
    url: str,
    settings: Settings,
    directory: Path,
    *,
    rooms: Sequence[str] | None = None,
    contract: bool = False,
    skip_backup: bool = False,
    smoke: Smoke | None = None,
    typed: str = "",
) -> Deployment:
    """Return what would be done; change nothing.

    With `skip_backup` a verified backup of the last 24 hours has to be in `directory`. Raises
    `NoBackupError`, `MigrationError`, `SourceDiffers` for a plan that cannot be carried out.
    """
    plan = migrate.plan(url, rooms=rooms, contract=contract)
    plan.refuse_problems()
    with connect(url) as connection:
        before = tuple(step.name for step in read_state(connection).steps)
    known = require_backup(url, directory).path if skip_backup and before else None
    return Deployment(
        url=url,
        settings=settings,
        plan=plan,
        rooms=rooms,
        contract=contract,
        directory=directory if before and not skip_backup else None,
        known=known,
        before=before,
        smoke=smoke,
        typed=typed,
    )


def carry_out(deployment: Deployment, telling: Telling) -> Deployed:
    """Do one stage after the other, and stop at the first that does not hold.

    What a stage raises as `BursarError` is told in what is returned, with the way back.
    """
    run = _Run(deployment, telling)
    work = {"backup": run.backup, "up": run.up, "verify": run.verify, "smoke": run.smoke}
    for name in deployment.stages:
        with run.stage(name) as going:
            if going:
                run.result = work[name]()
    return run.deployed


class _Run:
    """A deployment that is under way: what was done, and what would undo it."""

    def __init__(self, deployment: Deployment, telling: Telling) -> None:
        self.of = deployment
        self.telling = telling
        self.deployed = Deployed()
        self.backup_file = deployment.known
        self.report: migrate.Report | None = None
        self.result = ""

    @contextmanager
    def stage(self, name: str) -> Iterator[bool]:
        """Have one stage done and timed; nothing where an earlier one failed."""
        if self.deployed.failed:
            yield False
            return
        stages = self.of.stages
        self.telling.began(name, stages.index(name) + 1, len(stages))
        started = time.monotonic()
        try:
            yield True
        except (BursarError, ClusterError, psycopg.Error, OSError) as error:
            self.deployed.failed = name
            self.deployed.complaint = str(error)
            self.deployed.exit_code = getattr(error, "exit_code", 1)
            self.deployed.way_back = self._way_back()
            return
        done = StageDone(name, round(time.monotonic() - started, 3), self.result)
        self.deployed.done.append(done)
        self.telling.ended(done)

    def backup(self) -> str:
        """Take a backup and prove it."""
        assert self.of.directory is not None
        taken = take_backup(
            self.of.url,
            self.of.directory,
            on_progress=lambda doing, done, of: self.telling.under_way(doing),
        )
        verified = verify_backup(
            taken.path, self.of.url, self.of.settings, on_stage=self.telling.under_way
        )
        if not verified.verification.verified:
            findings = "; ".join(verified.verification.findings)
            raise StageFailed(f"{taken.path} is not what it should be: {findings}")
        self.backup_file = taken.path
        return f"{taken.path}, verified"

    def up(self) -> str:
        """Move the schema, by the plan that was shown and no other."""
        self.report = migrate.Report("up")
        self.telling.under_way("Applying")
        made = migrate.up(
            self.of.url,
            rooms=self.of.rooms,
            contract=self.of.contract,
            before_change=self.of.plan.refuse_more,
        )
        self.report.add(made)
        if not made.changed:
            return "there was nothing to do"
        return (
            f"{len(made.steps)} steps, {len(made.routines)} routines, "
            f"{len(made.apart)} beside the traffic"
        )

    def verify(self) -> str:
        """Look at everything."""
        self.telling.under_way("Verifying")
        found = migrate.verify(self.of.url)
        wrong = [f"{one.name}: {one.message}" for one in found.checks if not one.holds]
        wrong += [
            f"{one.kind} {one.name}: {one.complaint}" for one in found.inventory if one.complaint
        ]
        if wrong:
            raise StageFailed("\n".join(wrong))
        return f"{len(found.checks) + len(found.inventory)} things hold"

    def smoke(self) -> str:
        """Try the deployment that serves this database."""
        assert self.of.smoke is not None
        self.telling.under_way("Trying")
        return self.of.smoke()

    def _way_back(self) -> list[str]:
        """Return the commands that undo what is in force now and was not before."""
        ways = []
        now: tuple[AppliedStep, ...] = ()
        with suppress(NotReached), connect(self.of.url) as connection:
            now = read_state(connection).steps
        new = [step for step in now if step.name not in self.of.before]
        if new:
            first = min(step.number for step in new)
            kept = [step.number for step in now if step.name in self.of.before]
            if all(number < first for number in kept):
                down = f"bursar migrate down --to {max(kept, default=0)}"
                ways.append(f"{down}{self.of.typed}")
        elif self.report is not None and self.report.changed:
            ways.append(f"bursar migrate up{self.of.typed}  # of the release before this one")
        if self.backup_file is not None and self.report is not None:
            file = shlex.quote(str(self.backup_file))
            ways.append(f"bursar restore {file}{self.of.typed}")
        return ways
