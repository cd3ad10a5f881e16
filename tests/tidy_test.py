"""The house keeps its own rules: what can be checked of them is checked here."""

import ast
import gc
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from bursar.errors import REFUSALS

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "bursar"
LINES_MAX, LINES_MIN, COLUMNS_MAX, FUNCTION_LINES_MAX = 300, 20, 100, 70
SKIPPED = {
    "node_modules",
    "__pycache__",
    ".git",
    ".venv",
    ".bursar",
    "dist",
    "results",
    "vendor",
    ".hypothesis",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".import_linter_cache",
}
# Shorter than a page for a reason.
SHORT_FILES = {"src/bursar/db/fault.py": "one exception, for rooms that must not import the rest"}
VAGUE_NAMES = {"utils", "util", "manager", "helper", "helpers", "common", "misc", "service"}
# Granted like verbs, but no business of a caller's: the engine and the service call them.
NO_TRIPLET = {
    "batch": "the engine's call_batch",
    "record_metrics": "the service's own counters",
    "read_minutes": "what `look` reads, with what the judge asks for",
    "turn_alerts": "what `tell` notes before it tells",
    "keep_event": "what the door of card events reads, as it reads other functions",
}
# These write SQL because that is what they are for; none of them moves an amount.
WRITES_SQL = {
    "demo/seed.py": "puts rewards on sale; credits come from a verb",
    "demo/stock.py": "puts leads on sale; what is sold is written by purchases",
    "ops/migrate": "keeps the record of what was applied",
    "ops/doctor": "moves rows aside and fills columns in, of whatever table it is told to mend",
    "http/rest_statement.py": "composes what a caller asked of a table of schema public",
    "db": "makes roles and databases",
}
TEXT = {".py", ".sql", ".md", ".toml", ".html", ".css", ".js", ".json", ".out", ".cfg", ""}


def files(*suffixes: str, under: Path = ROOT) -> Iterator[Path]:
    """Yield the repository's files with these suffixes, generated ones left out."""
    for path in sorted(under.iterdir()):
        if path.name in SKIPPED or path.name.endswith(".egg-info"):
            continue  # a file as well: where there are several work trees, .git is one
        if path.is_dir():
            yield from files(*suffixes, under=path)
        elif path.suffix in suffixes:
            yield path


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def lines_of(path: Path) -> list[str]:
    return path.read_text("utf-8").splitlines()


def is_test(path: Path) -> bool:
    return path.name.endswith("_test.py") or path.name == "conftest.py"


def test_no_file_is_longer_than_a_reader_has_patience_for() -> None:
    long = {
        name_of(path): len(lines_of(path))
        for path in files(".py", ".sql")
        if len(lines_of(path)) > LINES_MAX and path.name != "schema.lock.sql"
    }

    assert long == {}


def test_no_python_file_is_too_short_to_be_about_something() -> None:
    """Callers of one SQL function and packages' own files may be short: their name says it all."""
    short = {
        name_of(path): len(lines_of(path))
        for path in files(".py", under=PACKAGE)
        if len(lines_of(path)) < LINES_MIN
        and path.stem not in ("__init__", "__main__")
        and not path.with_suffix(".sql").exists()
        and name_of(path) not in SHORT_FILES
    }

    assert short == {}


def test_lines_fit_the_page() -> None:
    wide = [
        f"{name_of(path)}:{number}"
        for path in files(".py", ".sql")
        if path.name != "schema.lock.sql"
        for number, line in enumerate(lines_of(path), 1)
        if len(line) > COLUMNS_MAX
    ]

    assert not wide, "\n".join(wide)


def parsed(path: Path) -> ast.Module:
    """Parse a file, with no collection of garbage meanwhile.

    One that warns shows where, and so parses too; before 3.11.8 Python takes that for an error.
    """
    gc.disable()
    try:
        return ast.parse(path.read_text("utf-8"))
    finally:
        gc.enable()


def test_a_python_function_fits_the_screen() -> None:
    long = [
        f"{name_of(path)}:{node.lineno} {node.name}"
        for path in files(".py")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno >= FUNCTION_LINES_MAX
    ]

    assert not long, "\n".join(long)


def test_no_file_has_a_name_that_says_nothing() -> None:
    vague = [name_of(path) for path in files(".py", ".sql") if path.stem in VAGUE_NAMES]

    assert not vague, "\n".join(vague)


def test_every_verb_is_a_triplet() -> None:
    missing = [
        name_of(beside)
        for path in files(".sql", under=PACKAGE)
        if f"GRANT EXECUTE ON FUNCTION bursar.{path.stem}(jsonb)" in path.read_text("utf-8")
        and path.stem not in NO_TRIPLET
        for beside in (path.with_suffix(".py"), path.with_name(f"{path.stem}_test.py"))
        if not beside.exists()
    ]

    assert not missing, "\n".join(missing)


def test_every_function_is_described_and_closed_where_it_is_made() -> None:
    """A function that is dropped and made again has lost both, so its own file says them."""
    wanting = []
    for path in files(".sql", under=PACKAGE):
        text = path.read_text("utf-8")
        for name in re.findall(r"^CREATE OR REPLACE FUNCTION (\w+\.\w+)\(", text, re.MULTILINE):
            for word in (f"COMMENT ON FUNCTION {name}(", f"REVOKE ALL ON FUNCTION {name}("):
                if word not in text:
                    wanting.append(f"{name_of(path)}: {word}…")

    assert not wanting, "\n".join(wanting)


def test_a_routine_file_says_what_it_promises() -> None:
    silent = [
        name_of(path)
        for path in files(".sql", under=PACKAGE)
        if not any(
            line.startswith("-- ") and not line.startswith("-- requires:")
            for line in lines_of(path)[:20]
        )
    ]

    assert not silent, "\n".join(silent)


def test_python_composes_no_sql_about_money() -> None:
    writing = re.compile(
        r"\b(INSERT\s+INTO|UPDATE\s+[\w.\"{}]+\s+(SET|AS)|DELETE\s+FROM|MERGE\s+INTO|TRUNCATE)\b"
    )
    reading = re.compile(r"\bSELECT\b.*\bbalance\b", re.DOTALL)
    found = []
    for path in files(".py", under=PACKAGE):
        inside = path.relative_to(PACKAGE).as_posix()
        if is_test(path) or any(inside.startswith(room) for room in WRITES_SQL):
            continue
        for node in ast.walk(parsed(path)):
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and (writing.search(node.value) or reading.search(node.value))
            ):
                found.append(f"{name_of(path)}:{node.lineno}")

    assert not found, "\n".join(found)


@pytest.mark.parametrize("code", [refusal.code for refusal in REFUSALS])
def test_every_refusal_is_met_by_a_test(code: str) -> None:
    met = [
        path
        for path in files(".py")
        if is_test(path)
        and path != Path(__file__)
        and re.search(rf"\b{code}\b", path.read_text("utf-8"))
    ]

    assert met


def test_no_leftovers() -> None:
    # Put together, so that this file does not find itself.
    banned = re.compile(
        "|".join(("/" + "work/", "TO" + "DO", "FIX" + "ME", "lo" + "rem ipsum", "<" * 7))
    )
    found = [
        f"{name_of(path)}:{number}"
        for path in files(*TEXT)
        for number, line in enumerate(_text_lines(path), 1)
        if banned.search(line)
    ]

    assert not found, "\n".join(found)


def _text_lines(path: Path) -> list[str]:
    try:
        return lines_of(path)
    except UnicodeDecodeError:  # a file without a suffix that is no text
        return []


def test_every_room_stands_on_a_floor() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        contract = tomllib.load(file)["tool"]["importlinter"]["contracts"][0]
    floors = set(re.findall(r"\w+", " ".join(contract["layers"])))
    rooms = {
        path.stem
        for path in PACKAGE.iterdir()
        if (path.is_dir() and (path / "__init__.py").exists())
        or (path.suffix == ".py" and not is_test(path) and not path.name.startswith("__"))
    }

    assert rooms - floors == set()
