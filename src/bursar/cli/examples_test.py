"""The examples in docs/cli.md, executed: they say what the commands say."""

import re
import shlex
from pathlib import Path

import pytest

from bursar.cli import conftest
from bursar.db.scratch import ScratchDatabase

PAGE = Path(__file__).parents[3] / "docs" / "cli.md"
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Every example begins at this moment, in a shop where somebody has bought two shields.
SHOP = """
    CREATE OR REPLACE FUNCTION bursar.clock() RETURNS timestamptz
    LANGUAGE sql VOLATILE RETURN timestamptz '2026-11-02 09:00:00+00';
    INSERT INTO public.audit_purchases (tx_id, user_id, sku, status, purchased_at)
    SELECT n, 'ada', 'consumable_streakshield_1', 'NON_RENEWING_PURCHASE', '2026-11-01 20:00+00'
    FROM unnest(ARRAY['2001', '2002']) AS n
"""


def plain(text: str) -> str:
    """The text without what differs from one run to the next, or only pads a table."""
    text = re.sub(r'(transaction.id"?:? +|Transaction )\d+', r"\1N", text)
    text = re.sub(r"claims_\d{8}_\d{6}\.json", "claims_T.json", text)
    text = re.sub(r'("id": ")[0-9a-f-]{36}', r"\1ID", text)
    text = re.sub(r"operator:\w+", "operator:ada", text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


@pytest.mark.parametrize("block", BLOCK.findall(PAGE.read_text("utf-8")))
def test_an_example_says_what_the_page_says(
    block: str, database: ScratchDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not re.match(r"\$ bursar (doctor|repair)", block):  # They would find the clock that stands.
        with database.connect() as connection:
            connection.execute(SHOP.encode())
    monkeypatch.chdir(tmp_path)  # where copies are written to
    for example in re.split(r"^\$ bursar ", block, flags=re.MULTILINE)[1:]:
        command, _, expected = example.partition("\n")

        done = conftest.run(*shlex.split(command), BURSAR_DATABASE_URL=database.url)

        assert plain(done.stderr + done.stdout) == plain(expected), command


def test_there_are_examples() -> None:
    assert BLOCK.findall(PAGE.read_text("utf-8"))
