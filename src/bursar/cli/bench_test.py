import json
import subprocess
import tempfile
from pathlib import Path

import pytest

import bursar
from bursar.cli.answer import CommandError
from bursar.cli.bench import _from_source_tree
from bursar.cli.conftest import PROGRAM, environment, run, run_json


@pytest.mark.slow
def test_json_and_nothing_else_is_printed_and_the_page_is_written(tmp_path: Path) -> None:
    page = tmp_path / "pages" / "report.html"

    done = run(
        *("bench", "--only", "sql", "--seconds", "5", "--rounds", "1", "--json"),
        *("--results", str(tmp_path / "results"), "--report", str(page)),
    )

    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["plan"]["mode"] == "quick"
    assert {row["path"] for row in document["figures"]} == {"sql"}
    assert document["wrong_results"]["sql"]["wrong"] == 0
    (kept,) = (tmp_path / "results").iterdir()
    assert json.loads(kept.read_text("utf-8")) == document
    assert "SQL, one per call" in page.read_text("utf-8")
    assert "Round 1 of 1" in done.stderr
    assert str(kept) in done.stderr


def test_whoever_stops_it_leaves_nothing_behind() -> None:
    arguments = ("bench", "--only", "sql,v1", "--seconds", "60", "--rounds", "9")
    with subprocess.Popen(
        [*PROGRAM, *arguments],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                if line.startswith("Round 1"):
                    break
            made = left_by(process.pid)
            process.terminate()
            stdout, _ = process.communicate(timeout=60)
        finally:
            process.kill()

    assert process.returncode == 130
    assert stdout == ""
    assert len(made) == 1
    assert left_by(process.pid) == []


def left_by(pid: int) -> list[Path]:
    return list(Path(tempfile.gettempdir()).glob(f"bursar-bench-{pid}-*"))


def test_a_path_that_does_not_exist_is_said_to_beside_those_that_do() -> None:
    answer = run_json("bench", "--only", "sql,slq", code=2)

    assert answer["error"].startswith("There is no path slq. There are: engine, sql,")


def test_pgledgers_file_has_to_be_there(tmp_path: Path) -> None:
    done = run("bench", "--pgledger", str(tmp_path / "pgledger.sql"))

    assert done.returncode == 2


def test_an_installed_package_says_where_the_benchmark_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package = tmp_path / "site-packages" / "bursar" / "__init__.py"
    monkeypatch.setattr(bursar, "__file__", str(package))

    with pytest.raises(CommandError, match=r"clone the sources and run `make bench`") as raised:
        _from_source_tree("bench.command")

    assert raised.value.exit_code == 2


def test_what_the_benchmark_needs_besides_is_named() -> None:
    with pytest.raises(CommandError, match=r"needs bench\.no_such_thing: pip install") as raised:
        _from_source_tree("bench.no_such_thing")

    assert raised.value.exit_code == 2
