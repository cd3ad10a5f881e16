"""`bursar serve`: the HTTP server alone, on a database that is there already."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from bursar.cli.answer import USAGE, CommandError, answering
from bursar.cli.danger import unguarded
from bursar.cli.ending import Ending
from bursar.cli.front_door import ProcessesOption, listen, show_address, with_spool
from bursar.cli.target import DEFAULT_DIRECTORY
from bursar.settings import Settings

app = typer.Typer(add_completion=False)


@app.command()
@unguarded("it serves; nobody types what it changes")
def serve(
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")
    ] = 8420,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen at; 0.0.0.0 for every one.")
    ] = "127.0.0.1",
    data: Annotated[
        Path,
        typer.Option(
            "--data", help="Directory for what is accepted while the database is away, in `spool`."
        ),
    ] = DEFAULT_DIRECTORY,
    demo: Annotated[
        bool, typer.Option("--demo", help="Serve the demo's pages too; never in production.")
    ] = False,
    trusted_proxies: Annotated[
        str,
        typer.Option(
            "--trusted-proxies",
            help="Addresses, separated by commas, whose forwarding headers are believed.",
        ),
    ] = "",
    processes: ProcessesOption = None,
) -> None:
    """Serve HTTP on BURSAR_DATABASE_URL until told to stop; the schema must be in place.

    Ctrl-C or SIGTERM end it once the requests under way are answered.
    """
    with answering(), Ending() as ending:
        settings = Settings.from_environment()
        if not settings.database_url:
            raise CommandError(
                "Set BURSAR_DATABASE_URL to the database to serve, or use `bursar up`.", USAGE
            )
        listen(
            with_spool(replace(settings, processes=processes or settings.processes), data),
            host,
            port,
            ending,
            demo=demo,
            on_ready=show_address,
            trusted_proxies=trusted_proxies,
        )
