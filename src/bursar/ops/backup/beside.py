"""A restore goes beside the live database, is checked there, and only then takes its place."""

import shlex
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from psycopg import sql

from bursar.ops.backup import check
from bursar.ops.backup.archive import Archive, open_archive
from bursar.ops.backup.database import Database, carry_over, create_like, read_database
from bursar.ops.backup.errors import BackupDamaged, BackupError
from bursar.ops.backup.files import stamp_of
from bursar.ops.backup.load import analyse, load, require_room
from bursar.ops.backup.manifest import Manifest, read_manifest
from bursar.ops.backup.roles import Role, make_roles, missing_roles
from bursar.ops.backup.session import connected, connected_beside, database_name, on_database
from bursar.ops.backup.swap import Swap, carry_out, connections_to, exists
from bursar.ops.backup.verify import require_manifest
from bursar.settings import Settings

OnStage = Callable[[str], object]
_NAME_BYTES_MAX = 63
_LEDGER = "SELECT to_regclass('bursar.asset') IS NOT NULL"


@dataclass(frozen=True, slots=True)
class Restore:
    """What a restore would do: from which file, into which database, in whose place.

    `outgoing` is the name that the live database gets, None where there is none to replace.
    `swaps` says that the copy is to take the live one's place at all.
    """

    archive: Archive
    manifest: Manifest | None
    live: str
    live_facts: Database | None
    incoming: str
    outgoing: str | None
    swaps: bool
    sessions: int
    missing: list[Role]
    typed: str

    @property
    def swap(self) -> Swap:
        """The last step, if there is one."""
        return Swap(self.live, self.incoming, self.outgoing)

    @property
    def undo(self) -> str:
        """The command that puts back what was live, or nothing where nothing was."""
        return "" if self.outgoing is None else f"{self.typed} --back {shlex.quote(self.outgoing)}"

    @property
    def plan(self) -> list[str]:
        """What will be done, in sentences."""
        lines = [f"Restore {self.archive.path.name} ({self._origin}) into {self.incoming}."]
        if self.missing:
            names = ", ".join(role.name for role in self.missing)
            lines.append(f"Make the roles that this server lacks: {names}.")
        compared = (
            "rows and digests with the manifest"
            if self.manifest
            else ("the schema with what this release expects, since there is no manifest")
        )
        lines.append(f"Check the copy: {compared}, and every promise by the audit.")
        if not self.swaps:
            return [*lines, f"Leave it there; {self.live} stays as it is."]
        if self.outgoing is None:
            return [*lines, f"Call it {self.live}: there is no database of that name yet."]
        count = f"{self.sessions} session{'' if self.sessions == 1 else 's'}"
        return [
            *lines,
            f"End what is connected to {self.live} then ({count} now), and in one transaction "
            f"rename {self.live} to {self.outgoing} and {self.incoming} to {self.live}; "
            "settings, grants and owner of the database carry over.",
            f"What was written since {self._moment} is then in {self.outgoing} only.",
            f"The way back: {self.undo}",
        ]

    @property
    def _moment(self) -> str:
        return self.manifest.started_at if self.manifest else self.archive.made_at

    @property
    def _origin(self) -> str:
        if self.manifest is None:
            return f"made {self._moment} of {self.archive.database}, without a manifest"
        rows, tables = self.manifest.contents.rows, len(self.manifest.contents.tables)
        known = "verified" if self.manifest.verified else "not verified yet"
        return (
            f"taken {self._moment} of {self.manifest.database.name}, {rows:,} rows in {tables} "
            f"tables, {known}"
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a restore came to. `findings` are empty where the copy is what it should be."""

    database: str
    swapped: bool
    findings: list[str]
    notes: list[str]


def prepare(
    path: Path,
    url: str,
    *,
    into: str = "",
    without_manifest: bool = False,
    typed: str = "bursar restore",
) -> Restore:
    """Look at the file and at the server, and return what a restore would do; change nothing.

    `into` names a database that is made and left there; without it the copy takes the place of
    the database at `url`. `typed` is how the command is typed here, for the way back. Raises
    `BackupDamaged` and `BackupError` for what cannot be done.
    """
    stamp = stamp_of(datetime.now(UTC))
    live = database_name(url)
    incoming = into or _suffixed(live, f"_restored_{stamp}")
    with connected_beside(url) as connection:
        require_room(connection)
        server_major = connection.info.server_version // 10_000
        facts = read_database(connection, live)
        sessions = connections_to(connection, live)
        archive = open_archive(path, server_major=server_major)
        manifest = _manifest(path, without_manifest)
        if archive.server_version > server_major:
            raise BackupError(
                f"{path} was taken of PostgreSQL {archive.server_version}, and this server is "
                f"PostgreSQL {server_major}: an older one does not take all of it."
            )
        if exists(connection, incoming):
            raise BackupError(f"There is a database {incoming} already. Choose another name.")
        missing = missing_roles(connection, manifest.roles if manifest else [])
    outgoing = None if facts is None else _suffixed(live, f"_before_{stamp}")
    return Restore(
        archive=archive,
        manifest=manifest,
        live=live,
        live_facts=facts,
        incoming=incoming,
        outgoing=outgoing,
        swaps=not into,
        sessions=sessions,
        missing=missing,
        typed=typed,
    )


def restore(
    plan: Restore,
    url: str,
    settings: Settings,
    *,
    migrate: bool = False,
    jobs: int = 2,
    on_stage: OnStage = lambda doing: None,
) -> Outcome:
    """Carry a plan out. The live database is not touched before the copy was found good.

    A copy older than this release is brought up to it first with `migrate`, and refused without.
    Where the copy is not what it should be it is dropped, unless it was to be left there.

    Raises `BackupError`; then the live database is as it was.
    """
    copy = on_database(url, plan.incoming)
    with connected_beside(url) as connection:
        notes = make_roles(connection, plan.missing)
        create_like(connection, plan.incoming, plan.live_facts)
    try:
        findings = _fill(plan, copy, settings, migrate, jobs, on_stage)
        if plan.swaps and not findings:
            on_stage("Swapping")
            _swap(plan, url)
            return Outcome(plan.live, True, [], notes)
    except BaseException:
        _drop(url, plan.incoming)
        raise
    if plan.swaps:
        _drop(url, plan.incoming)
        raise BackupError(
            f"The copy is not what it should be, and was dropped; {plan.live} is as it was. "
            "--into NAME keeps a copy to look at.\n" + "\n".join(f"- {one}" for one in findings)
        )
    return Outcome(plan.incoming, False, findings, notes)


def plan_back(url: str, name: str) -> tuple[Swap, list[str]]:
    """Return the swap that makes the database `name` the live one again, and its plan.

    Raises `BackupError` where there is no such database, or no ledger in it.
    """
    live = database_name(url)
    with connected_beside(url) as connection:
        if name == live or not exists(connection, name):
            raise BackupError(f"There is no database {name} to go back to, besides {live}.")
        there = exists(connection, live)
        sessions = connections_to(connection, live)
    with connected(on_database(url, name)) as connection:
        if connection.execute(_LEDGER).fetchone() != (True,):
            raise BackupError(f"The database {name} has no ledger; it was never live.")
    outgoing = _suffixed(live, f"_undone_{stamp_of(datetime.now(UTC))}") if there else None
    kept = f" and {live} to {outgoing}" if outgoing else ""
    return Swap(live, name, outgoing), [
        f"End what is connected to {live} ({sessions} now), and in one transaction rename {name} "
        f"to {live}{kept}.",
        f"What was written since the restore is then in {outgoing} only."
        if outgoing
        else f"There is no {live} now.",
    ]


def _fill(
    plan: Restore, copy: str, settings: Settings, migrate: bool, jobs: int, on_stage: OnStage
) -> list[str]:
    """Put the dump into the copy, and return what is wrong with it then."""
    on_stage(f"Restoring into {plan.incoming}")
    load(
        plan.archive,
        copy,
        jobs=jobs,
        on_bytes=lambda count: on_stage(f"Restored {count / 1_000_000:,.0f} MB"),
    )
    findings: list[str] = []
    if plan.manifest is not None:
        on_stage("Comparing rows and digests")
        findings = check.contents_findings(copy, plan.manifest)
    missing = check.behind(copy)
    if missing.any and not findings:
        if migrate:
            on_stage("Migrating the copy")
            check.bring_up(copy)
        elif plan.swaps:
            raise BackupError(
                f"{missing.sentence} Add --migrate to bring the copy up to it before the swap, or "
                "restore with the release that took it."
            )
        else:
            return [f"{missing.sentence} `bursar migrate up` brings it up."]
    if plan.manifest is None and not findings:
        on_stage("Comparing the schema")
        findings = check.schema_findings(copy)
    on_stage("Auditing")
    findings += check.audit_findings(copy, settings)
    on_stage("Collecting the planner's figures")
    analyse(copy)
    return findings


def _swap(plan: Restore, url: str) -> None:
    facts = plan.live_facts or (plan.manifest.database if plan.manifest else None)
    if facts is not None:
        try:
            with connected_beside(url) as connection:
                carry_over(connection, plan.incoming, facts)
        except psycopg.errors.InsufficientPrivilege as error:
            raise BackupError(
                "The login may not give the copy what the live database has: "
                f"{error.diag.message_primary}. Log in as the owner of the database or a superuser."
            ) from error
    carry_out(url, plan.swap)


def _manifest(path: Path, without: bool) -> Manifest | None:
    if without:
        if read_manifest(path) is not None:
            raise BackupError(
                f"{path} has a manifest: leave --without-manifest out, or move the manifest away."
            )
        return None
    manifest = require_manifest(path)
    if manifest.kind != "full":
        raise BackupDamaged(f"{path} is a backup of the schema only, and holds no rows.")
    return manifest


def _drop(url: str, name: str) -> None:
    with suppress(psycopg.Error), connected_beside(url) as connection:
        connection.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )


def _suffixed(name: str, suffix: str) -> str:
    """Return a name with a suffix, short enough for a database's."""
    room = _NAME_BYTES_MAX - len(suffix)
    return name.encode()[:room].decode(errors="ignore") + suffix
