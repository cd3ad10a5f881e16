"""The examples in docs/cli.md, executed: they say what the commands say."""

import re
import shlex
from pathlib import Path

import pytest

from bursar.cli import conftest
from bursar.db.scratch import ScratchDatabase

PAGE = Path(__file__).parents[3] / "docs" / "cli.md"
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def plain(text: str) -> str:
    """The text without what differs from one run to the next, or only pads a table."""
    text = re.sub(r'(transaction.id"?:? +)\d+', r"\1N", text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


@pytest.mark.parametrize("block", BLOCK.findall(PAGE.read_text("utf-8")))
def test_an_example_says_what_the_page_says(block: str, database: ScratchDatabase) -> None:
    for example in re.split(r"^\$ bursar ", block, flags=re.MULTILINE)[1:]:
        command, _, expected = example.partition("\n")

        done = conftest.run(*shlex.split(command), BURSAR_DATABASE_URL=database.url)

        assert plain(done.stdout + done.stderr) == plain(expected), command


def test_there_are_examples() -> None:
    assert BLOCK.findall(PAGE.read_text("utf-8"))
