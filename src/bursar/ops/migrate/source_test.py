from pathlib import Path

import pytest

from bursar.ops.migrate.errors import SourceInvalid
from bursar.ops.migrate.scratch_tree import Tree


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    made = Tree(tmp_path)
    made.step("0001_ledger", "SELECT 1;")
    return made


def paths(tree: Tree) -> list[str]:
    return [routine.path for routine in tree.source.routines]


def test_steps_come_by_number_and_know_their_room(tree: Tree) -> None:
    tree.step("0010_rewards_prices", "SELECT 10;")
    tree.step("0002_rewards", "SELECT 2;")

    steps = tree.source.steps

    assert [(step.number, step.room) for step in steps] == [
        (1, "ledger"),
        (2, "rewards"),
        (10, "rewards"),
    ]


def test_routines_come_ledger_first_then_rooms_then_files_by_name(tree: Tree) -> None:
    tree.step("0002_claims", "SELECT 2;")
    for path in ("claims/a.sql", "ledger/z.sql", "ledger/b.sql"):
        tree.write(path, "SELECT 1;")

    assert paths(tree) == ["ledger/b.sql", "ledger/z.sql", "claims/a.sql"]


def test_a_required_file_comes_first(tree: Tree) -> None:
    tree.write("ledger/a.sql", "-- A promise.\n-- requires: ledger/c.sql\nSELECT 1;")
    tree.write("ledger/b.sql", "SELECT 1;")
    tree.write("ledger/c.sql", "SELECT 1;")

    assert paths(tree) == ["ledger/b.sql", "ledger/c.sql", "ledger/a.sql"]


def test_files_outside_rooms_are_not_routines(tree: Tree) -> None:
    tree.write("demo/fill.sql", "SELECT 1;")

    assert paths(tree) == []


def test_a_cycle_is_named_whole(tree: Tree) -> None:
    tree.write("ledger/a.sql", "-- requires: ledger/b.sql\n")
    tree.write("ledger/b.sql", "-- requires: ledger/c.sql\n")
    tree.write("ledger/c.sql", "-- requires: ledger/b.sql\n")

    with pytest.raises(SourceInvalid, match=r"ledger/b.sql → ledger/c.sql → ledger/b.sql"):
        _ = tree.source


def test_a_missing_requirement_is_named(tree: Tree) -> None:
    tree.write("ledger/a.sql", "-- requires: ledger/gone.sql\n")

    with pytest.raises(SourceInvalid, match=r"ledger/a.sql requires ledger/gone.sql"):
        _ = tree.source


def test_a_requirement_that_cannot_be_read_is_refused(tree: Tree) -> None:
    tree.write("ledger/a.sql", "-- requires ledger/b.sql, ledger/c.sql\n")

    with pytest.raises(SourceInvalid, match="one file to a line"):
        _ = tree.source


def test_a_room_left_out_is_missed_by_those_who_require_it(tree: Tree) -> None:
    tree.step("0002_claims", "SELECT 2;")
    tree.step("0003_rewards", "SELECT 3;")
    tree.write("claims/a.sql", "-- requires: rewards/b.sql\n")
    tree.write("rewards/b.sql", "SELECT 1;")

    with pytest.raises(SourceInvalid, match="room left out"):
        tree.source.limited_to(["claims"])


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("migrations/0002_rewards/up.sql", "migrations/0002_rewards/down.sql is missing"),
        ("migrations/2_rewards/up.sql", "not named like NNNN_room"),
        ("migrations/0001_rewards/up.sql", "have one number"),
    ],
)
def test_a_step_that_is_not_whole_is_refused(tree: Tree, path: str, message: str) -> None:
    tree.write(path, "SELECT 1;")

    with pytest.raises(SourceInvalid, match=message):
        _ = tree.source


def test_line_ends_of_another_system_do_not_change_a_checksum(tree: Tree) -> None:
    tree.step("0001_ledger", "SELECT 1;\nSELECT 2;\n")
    tree.write("ledger/a.sql", "SELECT 1;\nSELECT 2;\n")
    before = tree.source

    for path in ("migrations/0001_ledger/up.sql", "ledger/a.sql"):
        (tree.root / path).write_bytes(b"SELECT 1;\r\nSELECT 2;\r\n")

    assert tree.source.steps[0].checksum == before.steps[0].checksum
    assert tree.source.routines[0].checksum == before.routines[0].checksum
