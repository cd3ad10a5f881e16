"""The example in docs/adopt.md, executed from its first table to the last command."""

import re
import shlex
from pathlib import Path

from bursar.cli import conftest
from bursar.cli.examples_test import plain
from bursar.db.scratch import ScratchDatabase

PAGE = Path(__file__).parents[3] / "docs" / "adopt.md"
BLOCK = re.compile(r"^```(sql|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def lasting(text: str) -> str:
    """The text without the times of the run."""
    text = re.sub(r"\d+(\.\d+)? (m?s)\b", r"N \2", text)
    return plain(re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "WHEN", text))


def test_the_example_says_what_the_page_says(database: ScratchDatabase) -> None:
    blocks = BLOCK.findall(PAGE.read_text("utf-8"))
    admin = database.connect()
    assert len(blocks) > 4
    for kind, text in blocks:
        if kind == "sql":
            admin.execute(text.encode())
            continue
        for example in re.split(r"^\$ bursar ", text, flags=re.MULTILINE)[1:]:
            command, _, expected = example.partition("\n")

            done = conftest.run(*shlex.split(command), BURSAR_DATABASE_URL=database.url)

            assert lasting(done.stderr + done.stdout) == lasting(expected), command
