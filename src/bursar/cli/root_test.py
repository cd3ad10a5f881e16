import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from bursar.cli.conftest import free_port, run

COMMANDS = ("up", "serve", "db", "migrate", "token", "wallet", "audit", "race", "bench")
# What would make `bursar --help` slow.
HEAVY = ("litestar", "uvicorn", "psycopg", "httpx", "jinja2", "stamina", "structlog")


def test_help_names_every_command_and_imports_none() -> None:
    program = (
        "import sys\nfrom bursar.cli import main\nsys.argv = ['bursar', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    print(*sys.modules)"
    )

    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    ).stdout

    help_text, _, modules = said.strip().rpartition("\n")
    for command in COMMANDS:
        assert f" {command} " in help_text
    assert not set(HEAVY) & set(modules.split())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    done = run(command, "--help")

    assert done.returncode == 0, done.stderr
    assert f"bursar {command}" in done.stdout or "Usage:" in done.stdout


def test_the_version_is_the_package_s() -> None:
    assert run("--version").stdout.strip() == f"bursar {metadata.version('bursar')}"


def test_a_word_that_is_no_command_ends_with_2_and_a_suggestion() -> None:
    done = run("walet")

    assert done.returncode == 2
    assert "wallet" in done.stderr


def test_serve_needs_a_database() -> None:
    done = run("serve", "--port", str(free_port()))

    assert done.returncode == 2
    assert "BURSAR_DATABASE_URL" in done.stderr


def test_every_command_and_exit_code_is_documented() -> None:
    documented = (Path(__file__).parents[3] / "docs" / "cli.md").read_text("utf-8")

    for command in COMMANDS:
        assert f"## bursar {command}" in documented
