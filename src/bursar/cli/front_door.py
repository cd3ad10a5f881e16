"""Opening the HTTP door of a deployment, for the commands that serve."""

import errno
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from bursar.cli.answer import ADDRESS_TAKEN, FAILED, CommandError, console
from bursar.cli.ending import Ending, Told
from bursar.settings import PROCESSES_MAX, Settings

ProcessesOption = Annotated[
    int | None,
    typer.Option(
        "--processes",
        min=1,
        max=PROCESSES_MAX,
        help="Server processes that share the address; BURSAR_PROCESSES, else 1.",
        show_default=False,
    ),
]


# Below the data directory, where the settings name no other place.
SPOOL = "spool"


def with_spool(settings: Settings, data: Path) -> Settings:
    """Return the settings of a service that keeps what it accepts while its database is away.

    The directory is made when there is something to keep.
    """
    if settings.spool_directory:
        return settings
    return replace(settings, spool_directory=str(data.expanduser().resolve() / SPOOL))


def require_free_port(host: str, port: int) -> None:
    """Raise `CommandError` when another program listens at the port, before work begins."""
    if port == 0:
        return
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe, _explained(host, port):
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        probe.listen(1)


def listen(
    settings: Settings,
    host: str,
    port: int,
    ending: Ending,
    *,
    demo: bool,
    on_ready: Callable[[str], None],
    trusted_proxies: str = "",
) -> None:
    """Serve until told to stop, and return once the requests under way are answered.

    As many processes serve as the settings say. `on_ready` is called with the address. Raises
    `CommandError` when the address is taken or the app does not start.
    """
    from bursar.http.serve import serve

    def ready(address: str) -> None:
        on_ready(address)
        ending.pass_on()

    try:
        with suppress(Told), _explained(host, port):
            if settings.processes > 1:
                _serve_many(settings, host, port, ready, demo=demo, proxies=trusted_proxies)
                return
            serve(
                settings,
                host,
                port,
                route_handlers=pages_of(settings, demo=demo),
                on_ready=ready,
                trusted_proxies=trusted_proxies,
            )
    except RuntimeError as error:  # it did not start
        raise CommandError(str(error), FAILED) from error


def _serve_many(
    settings: Settings,
    host: str,
    port: int,
    on_ready: Callable[[str], None],
    *,
    demo: bool,
    proxies: str,
) -> None:
    """Serve with several processes; this one minds them."""
    from bursar.cli.serving_process import Order
    from bursar.http.processes import mind
    from bursar.http.serve import address_of, bound

    # The last of the processes may have removed it already.
    sockets = tempfile.TemporaryDirectory(prefix="bursar-", ignore_cleanup_errors=True)
    with bound(host, port) as listener, sockets as directory:
        orders = [
            Order(
                settings=asdict(settings),
                host=host,
                demo=demo,
                trusted_proxies=proxies,
                number=number,
                count=settings.processes,
                directory=directory,
            )
            for number in range(1, settings.processes + 1)
        ]
        # Without -P, a package of the same name in the current directory would be started.
        mind(
            listener,
            [sys.executable, "-P", "-m", "bursar.cli.serving_process"],
            [order.encoded() for order in orders],
            on_ready=lambda: on_ready(address_of(listener, host)),
            say=lambda sentence: console(stderr=True).print(sentence, style="dim", markup=False),
        )


def show_address(address: str) -> None:
    """Say where the service answers."""
    console().print(f"Bursar answers at {address}", markup=False)


def pages_of(settings: Settings, *, demo: bool) -> Sequence[Any]:
    """Return the pages that are served beside the API: the console, and the demo's where wanted."""
    from bursar.console.routes import console_routes

    if not demo:
        return console_routes(settings)
    from bursar.demo.routes import demo_routes

    return [*console_routes(settings), *demo_routes(settings)]


@contextmanager
def _explained(host: str, port: int) -> Iterator[None]:
    """Turn the operating system's refusal of an address into a sentence."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            sentence = f"Port {port} is in use by another program. Choose another with --port."
        else:
            sentence = f"Cannot listen at {host}, port {port}: {error.strerror or error}."
        raise CommandError(sentence, ADDRESS_TAKEN) from error
