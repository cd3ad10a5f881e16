"""Is a restored copy what the backup was, and does it keep the ledger's promises?"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from bursar.ops import migrate
from bursar.ops.audit import run_audit
from bursar.ops.backup.contents import differences, read_contents
from bursar.ops.backup.errors import BackupDamaged, BackupError
from bursar.ops.backup.manifest import Manifest
from bursar.ops.backup.session import connected
from bursar.ops.doctor.examine import build_expected, examine
from bursar.settings import Settings

_TOLD = 5


@dataclass(frozen=True, slots=True)
class Behind:
    """The steps and routines that the code has and the backup had not, by name."""

    steps: list[str]
    routines: list[str]

    @property
    def any(self) -> bool:
        """Whether there are any."""
        return bool(self.steps or self.routines)

    @property
    def sentence(self) -> str:
        """What is missing, in words."""
        said = [f"step {name}" for name in self.steps]
        if self.routines:
            count = len(self.routines)
            said.append(f"{count:,} routine{'' if count == 1 else 's'} of now")
        return f"It is older than this release: it lacks {', '.join(said)}."


def contents_findings(
    url: str, manifest: Manifest, on_table: Callable[[str, int], object] = lambda name, left: None
) -> list[str]:
    """Return where the copy at `url` differs from what was dumped, in sentences."""
    with connected(url) as connection:
        found = read_contents(connection, on_table, rows=manifest.kind == "full")
    return differences(manifest.contents, found)


def behind(url: str) -> Behind:
    """Return what `migrate up` would still do to the copy at `url`.

    Raises `BackupDamaged` for a copy that a newer release has migrated, which this one would
    misread.
    """
    status = migrate.status(url)
    unknown = [step.name for step in status.steps if step.standing in {"unknown", "edited"}]
    if unknown:
        raise BackupDamaged(
            f"The backup was taken of a newer or another release: it has {', '.join(unknown)}, "
            "which this one does not know. Restore it with the release that took it."
        )
    return Behind(
        [step.name for step in status.steps if step.standing == "pending"],
        [one.path for one in status.routines if one.standing not in {"current", "left out"}],
    )


def bring_up(url: str) -> None:
    """Migrate the copy at `url` to this release. Raises `BackupError`."""
    try:
        migrate.apply_all(url)
    except migrate.MigrationError as error:
        raise BackupError(f"The copy could not be brought up to this release. {error}") from error


def audit_findings(
    url: str, settings: Settings, on_piece: Callable[[int, int], None] = lambda done, of: None
) -> list[str]:
    """Return the promises that the copy at `url` breaks, in sentences."""
    report = asyncio.run(run_audit(url, settings, on_piece=on_piece))
    found = []
    for verdict in report.verdicts:
        if not verdict.holds:
            told = verdict.told[0] if verdict.told else None
            where = ", ".join(f"{name} {value}" for name, value in told.ids.items()) if told else ""
            found.append(
                f"The audit finds {verdict.findings:,} against {verdict.invariant.name}: "
                + (f"{told.what} ({where})." if told else "see bursar audit.")
            )
    return found


def schema_findings(url: str) -> list[str]:
    """Return where the schema of the copy at `url` is not the one that this release expects.

    It says of a dump without a manifest what the manifest's sum of the file would say.
    """
    expected, names = build_expected(url, migrate.apply_all)
    examination = examine(url, expected, names)
    found = [one.sentence for one in examination.findings if one.severity != "note"]
    more = len(found) - _TOLD
    return [*found[:_TOLD], *([f"… and {more} more; see bursar doctor."] if more > 0 else [])]
