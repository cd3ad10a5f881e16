"""Keeps `schema.lock.sql`: the schema that all migrations build, as one readable file.

`python -m bursar.ops.migrate.lock` writes it, `--check` compares it and exits with 1 when it
differs. The dump is made by the embedded PostgreSQL, always of the same version, so the same
migrations give the same file on every machine.
"""

import argparse
import difflib
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bursar.db.embedded import Cluster
from bursar.db.fault import ClusterError
from bursar.db.libpq import libpq_environment
from bursar.db.scratch import ScratchDatabase, scratch_database
from bursar.ops.migrate.commands import apply_all
from bursar.ops.migrate.errors import MigrationError

VERSION = "18"
LOCK_FILE = Path("schema.lock.sql")
_HEADER = (
    "-- The schema that the migrations build, as a dump. Made by\n"
    "-- python -m bursar.ops.migrate.lock; never edited by hand.\n\n"
)
# Lines that differ from one dump or one server to the next and say nothing about the schema.
_NOISE = re.compile(r"(\\(un)?restrict .*|-- Dumped (from|by) .*|SET transaction_timeout = 0;)\n")
_DUMP_SECONDS = 60


def built_schema(cluster: Cluster) -> str:
    """Return the text that `schema.lock.sql` should have, from a database made on `cluster`.

    Raises `MigrationError` when the migrations cannot be applied or the dump not be made.
    """
    with scratch_database(cluster) as database:
        apply_all(database.url)
        return _HEADER + dump_schema(database)


def dump_schema(database: ScratchDatabase) -> str:
    """Return the schema of `database` as SQL: grants included, owners and versions left out."""
    command = [
        *(str(database.cluster.binary("pg_dump")), "--schema-only", "--no-owner"),
        *("--no-tablespaces", "--lock-wait-timeout=5s"),
    ]
    environment = libpq_environment(database.url)
    try:
        dumped = subprocess.run(  # noqa: S603 - the program of our own cluster
            command,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_DUMP_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise MigrationError(f"pg_dump took more than {_DUMP_SECONDS} s.") from None
    if dumped.returncode:
        raise MigrationError(f"pg_dump failed: {dumped.stderr.strip()}")
    text = _NOISE.sub("", dumped.stdout)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check the lock file in the current directory; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    parser.add_argument("--file", type=Path, default=LOCK_FILE, help="another lock file")
    options = parser.parse_args(arguments)
    try:
        built = _built_by_a_cluster_of_its_own()
    except (MigrationError, ClusterError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if not options.check:
        options.file.write_text(built, encoding="utf-8")
        return 0
    found = options.file.read_text("utf-8") if options.file.exists() else ""
    sys.stdout.write(difference(found, built, str(options.file)))
    return int(found != built)


def difference(found: str, built: str, name: str) -> str:
    """Return the unified difference from the lock file's text to what the migrations build."""
    return "".join(
        difflib.unified_diff(
            found.splitlines(keepends=True), built.splitlines(keepends=True), name, "migrations"
        )
    )


def _built_by_a_cluster_of_its_own() -> str:
    with tempfile.TemporaryDirectory(prefix="bursar-lock-") as directory:
        # The account that the server runs under must be able to pass through.
        Path(directory).chmod(0o711)
        cluster = Cluster(Path(directory) / "cluster", version=VERSION, settings={"fsync": "off"})
        try:
            return built_schema(cluster.start())
        finally:
            cluster.remove()


if __name__ == "__main__":
    sys.exit(main())
