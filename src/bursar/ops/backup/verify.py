"""Verifying a backup: restored into a scratch database, compared, audited, and noted."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import psycopg

from bursar.db.binaries import SUPPORTED_VERSIONS
from bursar.db.fault import ClusterError
from bursar.errors import BursarError
from bursar.ops.backup import check
from bursar.ops.backup.archive import Archive, open_archive
from bursar.ops.backup.contents import differences, read_contents
from bursar.ops.backup.errors import AnotherFile, BackupDamaged, BackupError
from bursar.ops.backup.load import load
from bursar.ops.backup.manifest import (
    Manifest,
    Verification,
    read_manifest,
    require_own_file,
    with_verification,
)
from bursar.ops.backup.roles import make_roles, missing_roles
from bursar.ops.backup.session import connected
from bursar.ops.doctor.expected import by_file
from bursar.ops.scratch import database_on, server_of
from bursar.settings import Settings

OnStage = Callable[[str], object]
_MANY = 20


@dataclass(frozen=True, slots=True)
class Verified:
    """What a verification came to. `notes` are worth knowing and no findings."""

    path: Path
    manifest: Manifest
    verification: Verification
    notes: list[str]


def require_manifest(path: Path) -> Manifest:
    """Return the manifest of a backup that is, byte for byte, what it was written for.

    Raises `BackupDamaged`, also where there is no manifest: then there is nothing to compare with.
    """
    manifest = read_manifest(path)
    if manifest is None:
        raise BackupDamaged(
            f"{path} has no manifest ({path.name}.json) beside it, so that nothing says what it "
            "should hold. It can be restored with --without-manifest, and is then checked against "
            "this release's schema and the audit only; it never counts as verified."
        )
    require_own_file(path, manifest)
    return manifest


def verify_backup(
    path: Path,
    live_url: str,
    settings: Settings,
    *,
    scratch_url: str = "",
    jobs: int = 2,
    on_stage: OnStage = lambda doing: None,
) -> Verified:
    """Restore the backup at `path` into a scratch database, check it, and note the outcome.

    The scratch database is on the server of `scratch_url`, else on the live one where the login
    is a superuser and all roles are known, else on an embedded server started for it; it is
    dropped afterwards. A backup older than this release is compared first, and then migrated and
    audited: that rehearses the migration.

    Raises `BackupDamaged` for a file that is not even tried, and `BackupError` where there is
    nowhere to try. Everything else that is wrong is in the findings.
    """
    began = time.monotonic()
    archive, manifest = _opened(path)
    notes: list[str] = []
    with _scratch(manifest, live_url, scratch_url, on_stage) as (url, version):
        on_stage("Restoring into a scratch database")
        if archive is None:
            findings = _try_schema(path, manifest, url)
        else:
            findings = _try_full(archive, manifest, url, settings, jobs, on_stage, notes)
    verification = _outcome(findings, version, time.monotonic() - began)
    return Verified(path, with_verification(path, manifest, verification), verification, notes)


def _opened(path: Path) -> tuple[Archive | None, Manifest]:
    """Return the archive, None for a schema backup, and the manifest that belongs to it.

    A file that was damaged since it was verified counts as verified no longer.
    """
    try:
        archive = None if path.name.startswith("schema_") else open_archive(path)
        return archive, require_manifest(path)
    except AnotherFile:
        raise
    except BackupDamaged as error:
        with suppress(BackupDamaged):
            known = read_manifest(path)
            if known is not None and known.verified:
                with_verification(path, known, _outcome([str(error)], "", 0))
        raise


def _outcome(findings: list[str], server_version: str, seconds: float) -> Verification:
    return Verification(
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        verified=not findings,
        findings=findings[:_MANY],
        server_version=server_version,
        bursar_version=metadata.version("bursar"),
        seconds=round(seconds, 3),
    )


def _try_full(
    archive: Archive,
    manifest: Manifest,
    url: str,
    settings: Settings,
    jobs: int,
    on_stage: OnStage,
    notes: list[str],
) -> list[str]:
    try:
        load(archive, url, jobs=jobs, on_bytes=lambda n: on_stage(f"Restored {_megabytes(n)}"))
        on_stage("Comparing rows and digests")
        findings = check.contents_findings(url, manifest)
        if findings:
            return findings
        missing = check.behind(url)
        if missing.any:
            notes.append(f"{missing.sentence} It was migrated in the scratch database.")
            on_stage("Migrating the scratch database")
            check.bring_up(url)
        on_stage("Auditing")
        return check.audit_findings(url, settings)
    except BursarError as error:
        return [str(error)]


def _try_schema(path: Path, manifest: Manifest, url: str) -> list[str]:
    try:
        by_file(path)(url)
    except BursarError as error:
        return [str(error)]
    with connected(url) as connection:
        found = read_contents(connection, rows=False)
    return differences(manifest.contents, found)


@contextmanager
def _scratch(
    manifest: Manifest, live_url: str, scratch_url: str, on_stage: OnStage
) -> Iterator[tuple[str, str]]:
    """Yield the URL of an empty database with all roles, and the version of its server."""
    major = int(manifest.server_version.partition(".")[0])
    with ExitStack() as stack:
        server = scratch_url
        if not server and live_url and _serves(live_url, manifest, major):
            server = live_url
        if not server:
            on_stage("Starting a scratch server")
            server = stack.enter_context(_own_server(major))
        with connected(server) as connection:
            found = connection.info.server_version // 10_000
            if found < major:
                raise BackupError(
                    f"The backup was taken of PostgreSQL {major}, and the server of --scratch is "
                    f"PostgreSQL {found}: an older one does not take all of it."
                )
            make_roles(connection, missing_roles(connection, manifest.roles))
            version = connection.info.parameter_status("server_version") or str(found)
        try:
            url = stack.enter_context(database_on(server, "verify"))
        except psycopg.errors.InsufficientPrivilege:
            raise BackupError("The login of --scratch may not make databases.") from None
        yield url, version


def _serves(url: str, manifest: Manifest, major: int) -> bool:
    """Whether the live server takes a scratch database: it is new enough and knows all roles.

    Only for a superuser: whoever else restores there may not give things to their owners.
    """
    try:
        with connected(url) as connection:
            return (
                connection.info.server_version // 10_000 >= major
                and connection.info.parameter_status("is_superuser") == "on"
                and not missing_roles(connection, manifest.roles)
            )
    except psycopg.OperationalError:
        return False  # a backup can be verified while the database that it is of is away


@contextmanager
def _own_server(major: int) -> Iterator[str]:
    for version in sorted(SUPPORTED_VERSIONS, key=int):
        if int(version) < major:
            continue
        with ExitStack() as stack:
            try:
                url = stack.enter_context(server_of(version, "verify"))
            except ClusterError:
                continue
            yield url
            return
    raise BackupError(
        f"There is nowhere to restore it: the login is no superuser, and there is no PostgreSQL "
        f"{major} or newer here. Name a server with --scratch."
    )


def _megabytes(count: int) -> str:
    return f"{count / 1_000_000:,.0f} MB"
