"""The root of the command line: it knows every command's name, and loads only the one that runs.

So `bursar --help` answers at once, and `bursar token` does not wait for a web server's import.
"""

from importlib import import_module, metadata
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

# Command, the module whose `app` it is, and what the list of commands says of it.
_COMMANDS: tuple[tuple[str, str, str], ...] = (
    ("up", "bursar.cli.up", "Start everything from nothing: database, schema, demo, HTTP."),
    ("serve", "bursar.cli.serve", "Serve HTTP on a database that is there already."),
    ("db", "bursar.cli.db", "The database: its URL, psql, start, stop, status."),
    ("migrate", "bursar.cli.migrate", "Move the schema: numbered steps and routines."),
    ("token", "bursar.cli.give_token", "Print a token to call the HTTP API with."),
    ("wallet", "bursar.cli.wallet", "Show, explain and change wallets."),
    ("audit", "bursar.cli.audit", "Prove the ledger's promises on live data."),
    ("race", "bursar.cli.race", "Race many buyers against a running deployment; give a verdict."),
    ("bench", "bursar.cli.bench", "Measure purchases beside rivals; print or write a report."),
)
_MODULES = {name: module for name, module, _ in _COMMANDS}


class _LazyGroup(TyperGroup):
    """Lists every command by its name and one sentence, and imports one when it is to run."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        for name, _, summary in _COMMANDS:
            self.commands[name] = TyperCommand(name, help=summary)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:
        """Replace the entry in the list by the command itself."""
        name, command, rest = super().resolve_command(ctx, args)
        if name in _MODULES:
            command = typer.main.get_command(import_module(_MODULES[name]).app)
            command.name = name
        return name, command, rest


app = typer.Typer(
    cls=_LazyGroup,
    no_args_is_help=True,
    add_completion=False,
    # A traceback with local variables could show a password.
    pretty_exceptions_enable=False,
    help="The credit office of an app: wallets, purchases, claims and holds that cannot race.",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"bursar {metadata.version('bursar')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    pass
