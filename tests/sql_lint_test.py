"""Every SQL file can be parsed, and says nothing that the linter warns of."""

import json
import subprocess
import sys
from pathlib import Path

import pglast
import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "bursar"
SQL = sorted(PACKAGE.rglob("*.sql"))
SQUAWK = Path(sys.executable).with_name("squawk")


def squawk(*arguments: str, text: str | None = None) -> list[dict[str, object]]:
    """Run the linter with our configuration and return its findings."""
    run = subprocess.run(
        [SQUAWK, "--config", str(ROOT / ".squawk.toml"), "--reporter=json", *arguments],
        input=text,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=False,
    )
    findings: list[dict[str, object]] = json.loads(run.stdout or "[]")
    return findings


def test_the_linter_has_nothing_to_say() -> None:
    findings = squawk(*(str(path.relative_to(ROOT)) for path in SQL))

    assert findings == []


def test_the_linter_would_say_it() -> None:
    findings = squawk(text="CREATE TABLE loose (id integer); ALTER TABLE loose DROP COLUMN id;")

    assert {"require-table-schema", "ban-drop-column"} <= {
        str(finding["rule_name"]) for finding in findings
    }


@pytest.mark.parametrize("path", SQL, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_a_file_can_be_parsed(path: Path) -> None:
    assert pglast.parse_sql(path.read_text("utf-8"))
