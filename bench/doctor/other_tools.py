"""What two other diff tools make of the same drift: found, mended, lost.

    python -m bench.doctor.other_tools --tools VENV/bin [--version 18]

VENV has migradiff and results (`pip install migradiff results "psycopg[binary]"`). Each kind of
drift is injected into the library of tests/drift. A tool has found it when it writes any SQL for
the way back, and has mended it when that SQL, sent by psql, leaves nothing that the doctor still
finds; rows are counted and compared by their contents. It is no part of the test suite.
"""

import argparse
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import psycopg

from bursar.db.embedded import Cluster, open_cluster
from bursar.db.scratch import ScratchDatabase, scratch_database
from bursar.ops.doctor.apply import Choices
from bursar.ops.doctor.examine import build_expected, examine
from bursar.ops.doctor.expected import by_file
from bursar.ops.doctor.mend import mend
from bursar.ops.doctor.schema import Schema
from tests.clinic import DRIFT, columns_of, rows_of
from tests.drift_kinds import Kind
from tests.drift_kinds_of_code import KINDS

_COMMANDS = {
    "migradiff": ["migra", "--unsafe", "--with-privileges", "--no-rename-detection"],
    "results": ["results", "dbdiff", "--with-privileges", "--exact"],
}


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--tools", required=True, type=Path)
    asked.add_argument("--version", default="18")
    chosen = asked.parse_args()
    counts: dict[str, Counter[str]] = {name: Counter() for name in ("doctor", *_COMMANDS)}
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o711)
        cluster = open_cluster(Path(directory) / "data", version=chosen.version)
        try:
            expected, schemas = build_expected(cluster.url(), by_file(DRIFT / "expected.sql"))
            with scratch_database(cluster) as whole:
                for name in ("expected.sql", "rows.sql"):
                    whole.connect().execute((DRIFT / name).read_bytes())
                whole.close()
                print("| what happened | doctor | migradiff | results |\n| --- | --- | --- | --- |")
                for kind in KINDS:
                    cells = _row(cluster, whole, kind, expected, schemas, chosen.tools, counts)
                    print(f"| {kind.name} | {' | '.join(cells)} |", flush=True)
        finally:
            cluster.remove()
    for name, count in counts.items():
        print(name, dict(count))
    return 0


def _row(
    cluster: Cluster,
    whole: ScratchDatabase,
    kind: Kind,
    expected: Schema,
    schemas: list[str],
    tools: Path,
    counts: dict[str, Counter[str]],
) -> list[str]:
    cells = []
    for tool in counts:
        with scratch_database(cluster, whole.name) as live:
            live.connect().execute(kind.sql.encode())
            columns, before = columns_of(live), rows_of(live)
            live.close()
            if tool == "doctor":
                found = bool(examine(live.url, expected, schemas).findings)
                mend(live.url, expected, schemas, Choices(changes=True, quarantine=True))
            else:
                with scratch_database(cluster, whole.name) as fresh:
                    found = _other(tool, tools, live, fresh.url)
            cell = _judged(live, kind, found, columns, before, expected, schemas)
            counts[tool].update(cell.split(", "))
            cells.append(cell)
    return cells


def _other(tool: str, tools: Path, live: ScratchDatabase, fresh: str) -> bool:
    """Have a tool write the way from the live schema to the expected one, and send it."""
    program, *arguments = _COMMANDS[tool]
    done = subprocess.run(
        [tools / program, *arguments, live.url, fresh],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    subprocess.run(
        [live.cluster.psql_path, "-q", live.url],
        input=done.stdout,
        capture_output=True,
        text=True,
        check=False,
    )
    return bool(done.stdout.strip())


def _judged(
    live: ScratchDatabase,
    kind: Kind,
    found: bool,
    columns: dict[str, list[str]],
    before: dict[str, dict[str, int]],
    expected: Schema,
    schemas: list[str],
) -> str:
    if not found:
        return "missed"
    try:
        kept = rows_of(live, columns) == before
    except psycopg.Error:  # a table or a column with rows is gone
        kept = False
    left = examine(live.url, expected, schemas).findings
    names = {f.code for f in left} - {"constraint_name", "column_extra"}
    if not kept:
        return "rows lost"
    if kind.ending == "reported":
        return "told" if {f.code for f in left} & set(kind.finds) else "removed or remade"
    return "found" if names else "mended"


if __name__ == "__main__":
    sys.exit(main())
