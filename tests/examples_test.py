"""The examples in docs/examples do what the output beside them says."""

import difflib
import os
import subprocess
from pathlib import Path

import pytest

from bursar.db.scratch import ScratchDatabase

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"
# Every example begins at this moment; one that lets time go by says so.
CLOCK = """
    CREATE OR REPLACE FUNCTION bursar.clock() RETURNS timestamptz
    LANGUAGE sql VOLATILE RETURN timestamptz '2026-11-02 09:00:00+00'
"""


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.sql")), ids=lambda path: path.stem)
@pytest.mark.postgres_versions("15", "18")
def test_an_example_does_what_its_output_says(path: Path, database: ScratchDatabase) -> None:
    output = run_example(path, database)

    committed = path.with_name(path.name + ".out")
    if os.environ.get("BURSAR_WRITE_EXAMPLES") == "1":
        committed.write_text(output, encoding="utf-8")
    expected = committed.read_text("utf-8")
    changes = "\n".join(difflib.unified_diff(expected.splitlines(), output.splitlines()))
    assert not changes, f"Run with BURSAR_WRITE_EXAMPLES=1 and look at this:\n{changes}"


def test_every_example_has_its_output_and_nothing_is_left_over() -> None:
    outputs = {path.name.removesuffix(".out") for path in EXAMPLES.glob("*.out")}

    assert outputs == {path.name for path in EXAMPLES.glob("*.sql")}


def run_example(path: Path, database: ScratchDatabase) -> str:
    """Run the file with psql and return what a reader would see."""
    with database.connect() as connection:
        connection.execute(CLOCK)
    environment = {
        **os.environ,
        "PGTZ": "UTC",
        "PGDATESTYLE": "ISO",
        "PGCLIENTENCODING": "UTF8",
        "LC_ALL": "C",
    }
    with path.open() as script:
        run = subprocess.run(
            [database.cluster.psql_path, "-Xaq", "-v", "SHOW_CONTEXT=never", "-d", database.url],
            stdin=script,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
            env=environment,
        )
    return run.stdout
