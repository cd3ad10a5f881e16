"""`bursar token`: a token for the HTTP API, signed with the deployment's secret."""

from typing import Annotated

import typer

from bursar.cli.answer import answering, show
from bursar.cli.danger import reads
from bursar.cli.deployment import DataOption, Deployment, JsonOption
from bursar.http.auth import mint

SECONDS_MAX = 31_536_000

app = typer.Typer(add_completion=False)


@app.command()
@reads
def token(
    role: Annotated[
        str,
        typer.Option(
            "--role", help="anon, authenticated or service_role; viewer or operator of the console."
        ),
    ] = "authenticated",
    sub: Annotated[
        str | None,
        typer.Option("--sub", help="Id of the user; needed but for anon and service_role."),
    ] = None,
    seconds: Annotated[
        int, typer.Option("--seconds", min=1, max=SECONDS_MAX, help="How long it lasts.")
    ] = 3600,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print a token to call the HTTP API with, or to sign in to the console with.

    It is signed with BURSAR_JWT_SECRET, or with the secret that `bursar up` keeps in the data
    directory. Whoever has it is who it says: a service_role token may change every wallet.
    """
    with answering(as_json):
        secret = Deployment.find(data).secret()
        made = mint(role, sub, secret, seconds)
        if as_json:
            show(True, {"token": made, "role": role, "sub": sub, "seconds": seconds})
        else:
            typer.echo(made)
