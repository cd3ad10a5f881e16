"""What commands on the ledger share: a way to it, and why."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Annotated, TypeVar

import psycopg
import typer

from bursar.cli.answer import UNREACHABLE, CommandError
from bursar.cli.confirm import guarding
from bursar.cli.deployment import Deployment, joined
from bursar.client import Bank, connect
from bursar.errors import Fault

T = TypeVar("T")

Reason = Annotated[
    str, typer.Option("--reason", help="Why; kept with the change.", show_default=False)
]


def on_bank(data: Path | None, work: Callable[[Bank], Awaitable[T]]) -> T:
    """Do `work` on the deployment's database, as its operator."""
    with joined(data) as deployment:
        return ask(deployment, work)


def change_bank(
    data: Path | None,
    work: Callable[[Bank], Awaitable[T]],
    plan: Sequence[str],
    confirm: str,
    *,
    as_json: bool,
    told: Callable[[T], str],
) -> T:
    """Show `plan`, then do the dangerous `work` where it may be done, as the operator.

    The journal keeps what `told` makes of the answer. Raises as `guarded` does.
    """
    with (
        joined(data) as deployment,
        guarding(deployment.url(), plan, confirm, as_json=as_json) as operation,
    ):
        changed = ask(deployment, work)
        operation.result = told(changed)
        return changed


def ask(deployment: Deployment, work: Callable[[Bank], Awaitable[T]]) -> T:
    """Do `work` on the database of a deployment that was joined, as its operator."""
    return asyncio.run(_connected(deployment, work))


async def _connected(deployment: Deployment, work: Callable[[Bank], Awaitable[T]]) -> T:
    try:
        async with connect(deployment.url(), settings=deployment.settings) as bank:
            return await work(bank)
    except Fault as error:
        if isinstance(error.__cause__, (OSError, psycopg.OperationalError)):
            raise CommandError(str(error), UNREACHABLE) from error
        raise
