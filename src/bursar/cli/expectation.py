"""What `doctor` and `repair` share: which schema is expected, and of which database."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import psycopg
import typer

from bursar.cli.answer import CommandError
from bursar.cli.deployment import Deployment
from bursar.cli.login import login
from bursar.db.fault import ClusterError
from bursar.errors import BursarError
from bursar.ops.doctor.examine import build_expected
from bursar.ops.doctor.expected import by_file, by_migrations
from bursar.ops.doctor.schema import Schema
from bursar.ops.guard import NotConfirmedError

# Nothing was found out, or nothing was begun.
FAULT = 2

ExpectOption = Annotated[
    Path | None,
    typer.Option(
        "--expect",
        help="File of plain SQL that makes the expected schema; default: Bursar's own migrations.",
        show_default=False,
    ),
]
SchemaOption = Annotated[
    str,
    typer.Option(
        "--schema",
        help="Schemas to compare, separated by commas; default: those that are expected.",
        show_default=False,
    ),
]
ScratchOption = Annotated[
    str,
    typer.Option(
        "--scratch",
        help="libpq URL of another server of the same version to build the expected schema on.",
        show_default=False,
    ),
]


@dataclass(frozen=True, slots=True)
class Expectation:
    """The live database, and the schema that is expected of it."""

    url: str
    schema: Schema
    names: list[str]


@contextmanager
def expectation(
    data: Path | None, expect: Path | None, schema: str, scratch: str, *, what: str
) -> Iterator[Expectation]:
    """Build what is expected; `what` is the work that errors say could not be carried out.

    Raises `CommandError`, also for what goes wrong inside the block.
    """
    try:
        deployment = Deployment.find(data)
        deployment.join()
        try:
            names = [name.strip() for name in schema.split(",") if name.strip()]
            build = by_migrations() if expect is None else by_file(expect)
            url = deployment.url()
            built, found = build_expected(
                url, build, names or None, scratch_url=scratch and login(scratch)
            )
            yield Expectation(url, built, found)
        finally:
            deployment.leave()
    except NotConfirmedError:
        raise
    except (CommandError, ClusterError, BursarError, psycopg.Error, OSError) as error:
        raise CommandError(f"The {what} could not be carried out. {error}", FAULT) from error
