"""The examples in docs/backups.md, executed from top to bottom on one database."""

import re
import shlex
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from typer.testing import CliRunner

from bursar.cli import root
from bursar.cli.examples_test import BLOCK
from bursar.db.scratch import ScratchDatabase

PAGE = (Path(__file__).parents[3] / "docs" / "backups.md").read_text("utf-8")
EXAMPLES = re.split(r"^\$ bursar ", "".join(BLOCK.findall(PAGE)), flags=re.MULTILINE)[1:]


def plain(text: str, database: str) -> str:
    """The text without what differs from one run, database or release to the next."""
    text = text.replace(database, "bursar")
    text = re.sub(r"\d{8}_\d{6}", "STAMP", text)
    text = re.sub(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d", "MOMENT", text)
    text = re.sub(r"\b[0-9a-f]{64}\b", "SHA256", text)
    text = re.sub(r"\b\d{4}_[a-z_]+\b", "STEP", text)
    text = re.sub(r"PostgreSQL [\d.]+", "PostgreSQL N", text)
    text = re.sub(r"\b\d[\d,.]*(?= (s|rows|tables)\b)", "N", text)
    text = re.sub(r"\(\d+ sessions? now\)", "(N now)", text)
    text = re.sub(r"\b\d{1,3}(,\d{3})+\b", "N", text)
    text = re.sub(r"━+", "━", text)
    text = re.sub(r"─+", "─", text)
    return "\n".join(re.sub(r" +", " ", line).rstrip() for line in text.strip().splitlines())


def test_the_page_says_what_the_commands_say(
    database: ScratchDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BURSAR_DATABASE_URL", database.url)
    monkeypatch.chdir(tmp_path)
    assert len(EXAMPLES) == 4
    for example in EXAMPLES:
        command, _, expected = example.partition("\n")
        for made in tmp_path.glob("backups/backup_*.dump"):
            command = re.sub(r"backup_\d{8}_\d{6}\.dump", made.name, command)

        done = CliRunner().invoke(root.app, shlex.split(command))

        assert plain(done.stderr + done.stdout, database.name) == plain(expected, "bursar"), command

    with psycopg.connect(database.cluster.url(), autocommit=True) as connection:
        (kept,) = connection.execute(
            "SELECT datname FROM pg_database WHERE starts_with(datname, %s)",
            [f"{database.name}_before_"],
        ).fetchone() or ("",)
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(kept)))
