"""The example in docs/doctor.md, executed on the production that it speaks of."""

import re
import shlex
from pathlib import Path

import pytest

from bursar.cli import conftest
from bursar.db.scratch import ScratchDatabase

ROOT = Path(__file__).parents[3]
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_page_says_what_the_commands_say(
    empty_database: ScratchDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    for name in ("production.sql", "production_rows.sql"):
        empty_database.connect().execute((ROOT / "tests" / "drift" / name).read_bytes())
    [block] = BLOCK.findall((ROOT / "docs" / "doctor.md").read_text("utf-8"))
    examples = re.split(r"^\$ bursar ", block, flags=re.MULTILINE)[1:]

    for example in examples:
        command, _, expected = example.partition("\n")

        done = conftest.run(*shlex.split(command), BURSAR_DATABASE_URL=empty_database.url)

        assert done.stderr + done.stdout == expected, command
    assert len(examples) == 3
