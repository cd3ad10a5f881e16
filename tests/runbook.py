"""docs/runbook.md as something to follow: the commands of an incident, and what they print.

`Incident.follow` carries the page's next commands out, in this process, and compares what they say
with the page. What differs from one run to the next is put in place of the page's own: a process
id, say, is 4711 there. Of a long table the page shows how it begins, and only its head is compared.
With BURSAR_WRITE_RUNBOOK=1 what they say is written into the page
instead, by one process at a time (`pytest -n0`).
"""

import contextlib
import os
import re
import shlex
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest
from typer.testing import CliRunner

from bursar.cli import answer, root
from bursar.cli.typist import actor
from bursar.db.binaries import find_binaries
from bursar.db.scratch import ScratchDatabase

PAGE = Path(__file__).parents[1] / "docs" / "runbook.md"
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# As on a terminal that a page has room for.
WIDTH = 118
WRITING = os.environ.get("BURSAR_WRITE_RUNBOOK") == "1"


@dataclass(frozen=True, slots=True)
class Step:
    """One command of the page, without the program's name, and what it prints."""

    command: str
    expected: str


def sections() -> dict[str, str]:
    """Every heading of the second level and the text below it."""
    _, *parts = re.split(r"^## ", PAGE.read_text("utf-8"), flags=re.MULTILINE)
    return {heading: text for heading, _, text in (part.partition("\n") for part in parts)}


def steps_of(text: str) -> list[Step]:
    """The commands in a section, from top to bottom."""
    steps = []
    for block in BLOCK.findall(text):
        for example in re.split(r"^\$ bursar ", block, flags=re.MULTILINE)[1:]:
            command, _, expected = example.partition("\n")
            steps.append(Step(command, expected))
    return steps


class Incident:
    """The section of one incident, to be followed on one database or directory.

    `stands_for` says what of the page stands for what of this run, such as {"4711": "31337"}; more
    can be added while it goes on. `environment` are the variables of the commands.
    """

    def __init__(self, heading: str, environment: dict[str, str], **stands_for: str) -> None:
        self.heading = heading
        self.environment = environment
        self.stands_for = stands_for
        self._steps = steps_of(sections()[heading])
        self._next = 0
        self._written_to = 0
        assert self._steps, f"{heading}: there is nothing to follow."

    def follow(self, begins: str) -> int:
        """Carry out the next command, which begins so; return its exit code."""
        step = self._steps[self._next]
        self._next += 1
        assert step.command.startswith(begins), f"{self.heading}: next is {step.command!r}."
        command = step.command
        for ours, theirs in self.stands_for.items():
            command = command.replace(ours, theirs)
        code, said = self._run(shlex.split(command))
        for ours, theirs in self.stands_for.items():
            said = said.replace(theirs, ours)
        if WRITING:
            self._write(step, shortened(tidied(said)))
        else:
            assert plain(said) == plain(step.expected), step.command
        return code

    @property
    def is_over(self) -> bool:
        """Whether every command of the section was carried out."""
        return self._next == len(self._steps)

    def _run(self, words: list[str]) -> tuple[int, str]:
        programs = find_binaries("18").directory
        environment = {**self.environment, "PATH": f"{programs}:{os.environ['PATH']}"}
        with _what_programs_say() as caught, pytest.MonkeyPatch.context() as patch:
            patch.setattr(answer, "WIDTH_WITHOUT_TERMINAL", WIDTH)
            result = CliRunner().invoke(root.app, words, env=environment)
        unexpected = result.exception
        if unexpected is not None and not isinstance(unexpected, SystemExit):
            raise unexpected
        with caught:
            return result.exit_code, result.stderr + result.stdout + caught.read()

    def _write(self, step: Step, said: str) -> None:
        page = PAGE.read_text("utf-8")
        begin = page.index(f"\n## {self.heading}\n")
        old = f"$ bursar {step.command}\n{step.expected}"
        at = page.index(old, max(begin, self._written_to))
        new = f"$ bursar {step.command}\n{said}"
        self._written_to = at + len(new)
        PAGE.write_text(page[:at] + new + page[at + len(old) :], "utf-8")


def incident(heading: str, database: ScratchDatabase, **stands_for: str) -> Incident:
    """An incident of a database, which the commands find in the environment."""
    found = Incident(heading, {"BURSAR_DATABASE_URL": database.url}, **stands_for)
    found.stands_for["/var/run/postgresql"] = str(database.cluster.place.socket_directory)
    found.stands_for["shop"] = database.name
    return found


# A table of more lines than this is shown by so many of them.
TABLE_LINES_MAX, TABLE_LINES_SHOWN = 24, 9
CUT = "…"

# What differs from one run to the next, and what stands for it when it is compared.
_DIFFERS = (
    (r"\d{8}_\d{6}", "STAMP"),
    (r"\d{4}-\d\d-\d\d[ T]?\d\d:\d\d(:\d\d)?(\.\d+)?(\+00(:00)?)?", "MOMENT"),
    (r"\b\d+:\d\d:\d\d\b", "LENGTH"),
    (r"\b[0-9a-f]{64}\b", "SHA256"),
    (r"\bdigest ?[0-9a-f]{12}", "digest"),
    (r"\b\d{4}_[a-z_]+\b", "STEP"),
    (r"PostgreSQL [\d.]+", "PostgreSQL N"),
    (r"operator:\w+", "operator:ada"),
    (r"^(Data|Log|Socket) .*", r"\1"),
    (r"Sessions: .*", "Sessions"),
    (r"Connections: \d+ of \d+, \d+", "Connections: N"),
    (r"\b\d+ (?=of \d+ hold|deadlocks)", "N "),
    (r"of \d+ hold", "of N hold"),
    (r"\b\d[\d,.]*(?= (s\b|bytes|rows in|tables))", "N"),
    (r"\(\d+( sessions?)? now\)", "(N now)"),
    (r"\d[\d,.]*(?= ?(ms|MiB))", "N"),  # also in a cell, where no space is left
    (r"[━─-]{3,}", "—"),
    (r" +", " "),
)
# Columns that hold how long something took, or how large it is.
_NUMBERS = {"ms", "s", "seconds", "intransactions", "keepsbytes", "bytes"}


def plain(text: str) -> str:
    """The text without what differs from one run to the next, or only pads or wraps a table."""
    lines: list[str] = []
    table: list[str] = []
    for line in [*text.strip().splitlines(), ""]:
        if line.strip()[:1] in ("┃", "│") or (table and line.strip() == CUT):
            table.append(line.strip())
            continue
        if table and line.strip()[:1] not in ("┡", "├"):
            lines += _columns(table)
            table = []
        if line.strip():
            lines.append(line.strip())
    told = "\n".join(lines)
    for pattern, instead in _DIFFERS:
        told = re.sub(pattern, instead, told, flags=re.MULTILINE)
    return told


def _columns(table: list[str]) -> list[str]:
    """Each column as one line: so it makes no difference where its cells were wrapped."""
    told = []
    is_long = len(table) > TABLE_LINES_MAX or CUT in table
    rows = [re.split("[┃│]", line)[1:-1] for line in table if line != CUT]
    heads = sum(line.startswith("┃") for line in table)
    for cells in zip(*rows, strict=True):
        words = ["".join(cell.split()) for cell in cells]
        head, body = "".join(words[:heads]), "".join(words[heads:])
        told.append(f"{head} | {CUT if is_long else 'N' if head in _NUMBERS else body}")
    return told


def shortened(said: str) -> str:
    """What a command said, with the beginnings of long tables in their place."""
    lines: list[str] = []
    table: list[str] = []
    for line in said.splitlines(keepends=True):
        if line[:1] in ("│", "├"):
            table.append(line)
            continue
        if len(table) > TABLE_LINES_MAX:
            table = [*table[:TABLE_LINES_SHOWN], f"{CUT}\n"]
        lines += [*table, line]
        table = []
    return "".join(lines + table)


def tidied(said: str) -> str:
    """What a command said as a page has it, with tables that are straight although names differ."""
    widths: list[int] = []
    lines = []
    for line in said.replace(actor(), "operator:ada").strip("\n").splitlines():
        line = line.rstrip()
        if line[:1] in ("┏", "┡"):
            widths = [len(part) for part in re.split("[┳╇]", line[1:-1])]
        elif line[:1] in ("┃", "│"):
            cells = re.split(f"[{line[0]}]", line)[1:-1]
            padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
            line = line[0] + line[0].join(padded) + line[0]
        lines.append(f"{line}\n")
    return "".join(lines)


@contextlib.contextmanager
def _what_programs_say() -> Iterator[IO[str]]:
    """Whatever is written to the process's own output meanwhile, as psql does, to read after it."""
    caught = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - read after it
    kept = [os.dup(number) for number in (1, 2)]
    try:
        for number in (1, 2):
            os.dup2(caught.fileno(), number)
        yield caught
    finally:
        for number, own in zip((1, 2), kept, strict=True):
            os.dup2(own, number)
            os.close(own)
        caught.seek(0)
