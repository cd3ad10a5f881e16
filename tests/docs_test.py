"""The papers say what the code says: errors, settings, functions, links, words."""

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.errors import REFUSALS, Refusal
from bursar.http.problem import DOOR_CODES
from bursar.settings import Settings

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
CODE_HEADING = re.compile(r"^## ([A-Z_]+)$\n\n(.*)$", re.MULTILINE)


def facts_of(refusal: Refusal) -> str:
    """Return the line that stands below a refusal's heading."""
    memory = "remembered under its key" if refusal.remembered else "not remembered"
    return f"HTTP {refusal.http_status} · SQLSTATE `{refusal.sqlstate}` · {memory}"


def test_errors_are_documented_in_order_with_their_facts() -> None:
    documented = CODE_HEADING.findall((DOCS / "errors.md").read_text("utf-8"))

    assert documented == [(refusal.code, facts_of(refusal)) for refusal in REFUSALS]


def test_errors_are_documented_in_their_own_sentences() -> None:
    text = (DOCS / "errors.md").read_text("utf-8")

    missing = [refusal.code for refusal in REFUSALS if f"> {refusal.sentence}\n" not in text]

    assert missing == []


def test_the_doors_own_codes_are_documented() -> None:
    text = (DOCS / "errors.md").read_text("utf-8")

    assert [code for code in DOOR_CODES if f"| `{code}` |" not in text] == []


def test_the_registry_in_sql_is_the_registry_in_python(database: ScratchDatabase) -> None:
    rows = (
        database.connect()
        .execute(
            "SELECT code, sqlstate, http_status, remembered, sentence, hint"
            " FROM bursar.refusal ORDER BY precedence"
        )
        .fetchall()
    )

    assert [Refusal(*row) for row in rows] == list(REFUSALS)


def test_every_setting_is_documented_with_its_default() -> None:
    rows = re.findall(
        r"^\| `(BURSAR_\w+)` \| (.*?) \|", (DOCS / "settings.md").read_text("utf-8"), re.MULTILINE
    )

    wanted = [
        (f"BURSAR_{item.name.upper()}", "" if item.default == "" else f"`{item.default}`")
        for item in fields(Settings)
    ]
    assert rows == wanted


def test_every_callable_function_is_documented(database: ScratchDatabase) -> None:
    text = (DOCS / "sql.md").read_text("utf-8")
    rows = (
        database.connect()
        .execute(
            """
        SELECT n.nspname || '.' || p.proname
        FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
        WHERE n.nspname IN ('bursar', 'public')
            AND EXISTS (SELECT FROM unnest(ARRAY['authenticated', 'service_role']) AS r
                WHERE has_function_privilege(r, p.oid, 'EXECUTE'))
        """
        )
        .fetchall()
    )

    assert rows
    assert [name for (name,) in rows if f"`{name}(" not in text] == []


def test_every_table_and_view_is_documented(database: ScratchDatabase) -> None:
    text = (DOCS / "sql.md").read_text("utf-8")
    rows = (
        database.connect()
        .execute(
            """
        SELECT n.nspname || '.' || c.relname
        FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE n.nspname IN ('bursar', 'public') AND c.relkind IN ('r', 'v')
        """
        )
        .fetchall()
    )

    assert [name for (name,) in rows if f"`{name}`" not in text] == []


def test_the_sql_in_the_reference_runs(database: ScratchDatabase) -> None:
    blocks = re.findall(r"^```sql\n(.*?)^```", (DOCS / "sql.md").read_text("utf-8"), re.M | re.S)

    assert len(blocks) >= 2
    for block in blocks:
        database.connect().execute(block.encode())


def test_glossary_is_in_alphabetical_order() -> None:
    words = re.findall(r"^\*\*(.+?)\*\*", (DOCS / "glossary.md").read_text("utf-8"), re.MULTILINE)

    assert len(words) > 30
    assert words == sorted(words, key=str.casefold)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    broken = [target for target in links_of(page) if not leads_somewhere(page, target)]

    assert not broken, f"{page.name}: {broken}"


@pytest.mark.parametrize("page", sorted((DOCS / "decisions").glob("*.md")), ids=lambda p: p.stem)
def test_a_decision_says_why_and_what_follows(page: Path) -> None:
    text = page.read_text("utf-8")

    assert re.match(rf"# {page.stem[:4]} .+\n\nDate: \d{{4}}-\d\d\n\n## Context\n", text)
    assert text.index("## Context") < text.index("## Decision") < text.index("## Consequences")
    assert len(text.splitlines()) <= 60


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = sorted(int(page.name[:4]) for page in (DOCS / "decisions").glob("*.md"))

    assert numbers == list(range(1, len(numbers) + 1))


def links_of(page: Path) -> Iterator[str]:
    """Yield the targets within the repository, code blocks left out."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"[a-z]+:", target):
            yield target


def leads_somewhere(page: Path, target: str) -> bool:
    path, _, anchor = target.partition("#")
    file = page if not path else (page.parent / path)
    if not file.exists():
        return False
    return not anchor or anchor in {slug(line) for line in headings_of(file)}


def headings_of(file: Path) -> list[str]:
    return re.findall(r"^#+ (.+)$", file.read_text("utf-8"), re.MULTILINE)


def slug(heading: str) -> str:
    """Return the anchor that hosting sites give to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
