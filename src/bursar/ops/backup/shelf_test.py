"""What counts as verified, and what retention may remove."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bursar.ops.backup.contents import Contents
from bursar.ops.backup.database import Database
from bursar.ops.backup.files import Kind, manifest_path, publish, stamp_of, unfinished
from bursar.ops.backup.manifest import Manifest, Verification, write_manifest
from bursar.ops.backup.shelf import latest_verified, list_backups, remove, to_remove

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
OURS = Database("shop", "app", "UTF8", "C", "C", "c", None, -1, "pg_default", None, None, [])
GOOD = Verification("2026-11-02T09:00:00+00:00", True, [], "18.4", "0.1.0", 1.0)


def put(
    directory: Path,
    days: float,
    *,
    verified: bool = False,
    database: str = "shop",
    kind: Kind = "full",
) -> Path:
    """A backup that was taken so many days before now."""
    taken = NOW - timedelta(days)
    with unfinished(directory) as draft:
        draft.write_bytes(b"PGDMP")
        path = publish(draft, kind, taken)
    manifest = Manifest(
        format=1,
        kind=kind,
        file=path.name,
        bytes=5,
        sha256="",
        head_sha256="",
        started_at=taken.isoformat(),
        seconds=1.0,
        snapshot="",
        bursar_version="0.1.0",
        steps=[],
        release=1,
        server="1",
        server_version="18.4",
        database=replace(OURS, name=database),
        roles=[],
        contents=Contents({}, {}, {}),
        verification=GOOD if verified else None,
    )
    write_manifest(path, manifest)
    return path


def kept_after(
    directory: Path, *, keep: int | None = None, keep_days: int | None = None
) -> list[Path]:
    shelf = list_backups(directory)
    taken = next(one for one in shelf if one.manifest is not None)
    remove(to_remove(shelf, taken, keep=keep, keep_days=keep_days))
    return [one.path for one in list_backups(directory)]


def test_the_newest_verified_one_is_never_removed(tmp_path: Path) -> None:
    oldest = put(tmp_path, 50, verified=True)
    verified = put(tmp_path, 40, verified=True)
    for days in (30, 20, 10):
        put(tmp_path, days)
    newest = put(tmp_path, 0)

    assert kept_after(tmp_path, keep=1) == [newest, verified]
    assert not oldest.exists()
    assert not manifest_path(oldest).exists()


def test_days_are_counted_from_the_one_just_taken(tmp_path: Path) -> None:
    put(tmp_path, 9)
    kept = [put(tmp_path, days) for days in (7, 3, 0)]

    assert kept_after(tmp_path, keep_days=7) == kept[::-1]


def test_others_are_nobodys_to_remove(tmp_path: Path) -> None:
    put(tmp_path, 90)
    others = {
        put(tmp_path, 80, database="other"),
        put(tmp_path, 81, kind="schema"),
        tmp_path / "backup_20200101_000000.dump",
    }
    (tmp_path / "backup_20200101_000000.dump").write_bytes(b"without a manifest")
    newest = put(tmp_path, 0)

    assert set(kept_after(tmp_path, keep=1, keep_days=1)) == {newest, *others}


def test_without_a_limit_nothing_goes(tmp_path: Path) -> None:
    kept = [put(tmp_path, days) for days in (0, 400)]

    assert kept_after(tmp_path) == kept


def test_the_latest_verified_one_is_found_by_what_is_asked_for(tmp_path: Path) -> None:
    assert latest_verified(tmp_path / "nowhere") is None
    old = put(tmp_path, 2, verified=True)
    put(tmp_path, 1)
    put(tmp_path, 0.5, verified=True, database="other")
    put(tmp_path, 0.4, verified=True, kind="schema")

    def found(**asked: object) -> Path | None:
        # What is asked, by name.
        one = latest_verified(tmp_path, database="shop", now=NOW, **asked)  # type: ignore[arg-type]
        return one.path if one else None

    assert found() == old
    assert found(within=timedelta(hours=24)) is None
    assert found(within=timedelta(days=3)) == old
    assert found(server="1") == old
    assert found(server="2") is None
    future = put(tmp_path, -1, verified=True)
    assert found(within=timedelta(days=3)) == old
    assert found() == future


def test_one_that_changed_its_length_does_not_count(tmp_path: Path) -> None:
    path = put(tmp_path, 0, verified=True)
    path.write_bytes(b"PGD")

    assert latest_verified(tmp_path) is None
    assert list_backups(tmp_path)[0].trouble == "It has 3 bytes instead of 5."


def test_a_name_that_is_taken_is_never_replaced(tmp_path: Path) -> None:
    first, second = put(tmp_path, 0), put(tmp_path, 0)

    assert first.name == f"backup_{stamp_of(NOW)}.dump"
    assert second.name == f"backup_{stamp_of(NOW + timedelta(seconds=1))}.dump"


def test_an_unfinished_backup_is_no_backup_and_goes(tmp_path: Path) -> None:
    with unfinished(tmp_path) as draft:
        assert draft.stat().st_mode & 0o777 == 0o600
        assert list_backups(tmp_path) == []

    assert list(tmp_path.iterdir()) == []
