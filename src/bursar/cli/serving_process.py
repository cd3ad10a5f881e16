"""One of several server processes: what `bursar serve --processes N` starts N times.

Not a command. It reads its order from the process that minds it, and its socket is inherited.
"""

import socket
import sys
from pathlib import Path
from typing import Any

import msgspec

from bursar.cli.front_door import pages_of
from bursar.http.app import create_app
from bursar.http.processes import say_ready, take_order
from bursar.http.serve import serve_on
from bursar.http.siblings import Siblings
from bursar.settings import Settings


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What one process is to serve, and which of how many it is, counted from 1.

    `settings` are the fields of `Settings`, secrets among them. `directory` is where the processes
    find each other.
    """

    settings: dict[str, Any]
    host: str
    demo: bool
    trusted_proxies: str
    number: int
    count: int
    directory: str

    def encoded(self) -> bytes:
        """Return the order as one line of JSON."""
        return msgspec.json.encode(self)


def main() -> None:
    """Serve on the inherited socket, whose descriptor is the only argument, until told to stop."""
    listener = socket.socket(fileno=int(sys.argv[1]))
    order = msgspec.json.decode(take_order(), type=Order)
    settings = Settings(**order.settings)
    pages = pages_of(settings, demo=order.demo)
    siblings = Siblings(Path(order.directory), order.number, order.count)
    app = create_app(None, settings, route_handlers=pages, siblings=siblings)
    with listener:
        serve_on(
            listener,
            settings,
            order.host,
            app=app,
            on_ready=lambda address: say_ready(),
            trusted_proxies=order.trusted_proxies,
        )


if __name__ == "__main__":
    main()
