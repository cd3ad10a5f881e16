"""The root of the command line: it knows every command's name, and loads only the one that runs.

So `bursar --help` answers at once, and `bursar token` does not wait for a web server's import.
"""

from importlib import import_module, metadata
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from bursar.cli.typist import remember

# Command, the module whose `app` it is, and what the list of commands says of it.
_COMMANDS: tuple[tuple[str, str, str], ...] = (
    ("up", "bursar.cli.up", "Start everything from nothing: database, schema, demo, HTTP."),
    ("serve", "bursar.cli.serve", "Serve HTTP on a database that is there already."),
    ("worker", "bursar.cli.worker", "Work on generation jobs, in a process of its own."),
    ("db", "bursar.cli.db", "The database: its URL, psql, start, stop, status."),
    ("migrate", "bursar.cli.migrate", "Move the schema: numbered steps and routines."),
    ("deploy", "bursar.cli.deploy", "Backup, up, verify, smoke: guided, with the way back."),
    ("token", "bursar.cli.give_token", "Print a token to call the HTTP API with."),
    ("wallet", "bursar.cli.wallet", "Show, explain and change wallets."),
    ("claims", "bursar.cli.claims", "Mend claims: recover, override, recalculate; queue or open."),
    ("queue", "bursar.cli.queue", "What was accepted and waits: list it, replay it."),
    ("switch", "bursar.cli.switch", "Switch products on and off; say something to users."),
    ("degraded", "bursar.cli.degraded", "Pause every change while reading goes on."),
    ("backup", "bursar.cli.backup", "Take backups, list them, and prove that they restore."),
    ("restore", "bursar.cli.restore", "Restore a backup beside the database, then swap."),
    ("audit", "bursar.cli.audit", "Prove the ledger's promises on live data; seal it."),
    ("reconcile", "bursar.cli.reconcile", "Mend what the audit found, by compensation alone."),
    (
        "production",
        "bursar.cli.production",
        "Mark the database production; dangerous commands ask.",
    ),
    ("journal", "bursar.cli.journal", "What operators did by command: who, when, how it ended."),
    ("adopt", "bursar.cli.adopt", "Take a table's balance column under the ledger; give it back."),
    ("monitor", "bursar.cli.monitor", "How the service does, and which alerts fire."),
    ("sweep", "bursar.cli.sweep", "Clear what lapsed: holds, reservations, jobs, old keys."),
    ("doctor", "bursar.cli.doctor", "Say how the live schema differs from what the code expects."),
    ("repair", "bursar.cli.repair", "Mend what the doctor found; destroy nothing."),
    ("diagnose", "bursar.cli.diagnose", "Say who does what, who waits for whom, and what is slow."),
    ("smoke", "bursar.cli.smoke", "Try each kind of purchase against a running deployment."),
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
        """Replace the entry in the list by the command itself, and note what was typed."""
        remember(args)
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
