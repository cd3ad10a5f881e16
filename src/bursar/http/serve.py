"""Serving the app: uvicorn, set up for this service."""

import asyncio
import gc
import socket
from collections.abc import Callable, Sequence
from typing import Any

import uvicorn

from bursar.http.app import Bursar, create_app
from bursar.http.connection_limits import BoundedConnection
from bursar.settings import Settings

SHUTDOWN_SECONDS = 10
KEEP_ALIVE_SECONDS = 30
BACKLOG = 1024


def make_config(
    app: Any, settings: Settings, host: str, port: int, *, trusted_proxies: str = ""
) -> uvicorn.Config:
    """Return uvicorn's configuration for `app`.

    Its own access log is off: the app writes one line for each request and never a query string.
    Forwarding headers are believed only from `trusted_proxies`, addresses separated by commas.
    """
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http=BoundedConnection,
        ws="none",
        interface="asgi3",
        lifespan="on",
        access_log=False,
        log_level="warning",
        server_header=False,
        date_header=True,
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=trusted_proxies or "",
        limit_concurrency=settings.connections_max,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )


def serve(
    settings: Settings,
    host: str,
    port: int,
    *,
    app: Any = None,
    route_handlers: Sequence[Any] = (),
    on_ready: Callable[[str], None] | None = None,
    trusted_proxies: str = "",
) -> None:
    """Serve until the process is told to stop, then finish what is under way.

    `app` is by default the whole application on `settings.database_url`, with the pages of
    `route_handlers` beside it. `on_ready` is called once with the address at which it answers;
    with `port` 0 that is a free one. Raises `OSError` when the address is taken, and
    `RuntimeError` when the app did not start.
    """
    if app is None:
        app = create_app(None, settings, route_handlers=route_handlers)
    with bound(host, port) as listener:
        serve_on(
            listener, settings, host, app=app, on_ready=on_ready, trusted_proxies=trusted_proxies
        )


def bound(host: str, port: int) -> socket.socket:
    """Return a socket bound to the address; with `port` 0 to a free port.

    Raises `OSError` when the address is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except BaseException:
        listener.close()
        raise
    return listener


def address_of(listener: socket.socket, host: str) -> str:
    """Return the address at which a socket bound for `host` is reached."""
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{listener.getsockname()[1]}"


def serve_on(
    listener: socket.socket,
    settings: Settings,
    host: str,
    *,
    app: Any,
    on_ready: Callable[[str], None] | None = None,
    trusted_proxies: str = "",
) -> None:
    """Serve `app` on a socket that `bound` made for `host`, as `serve` does."""
    port = listener.getsockname()[1]
    config = make_config(app, settings, host, port, trusted_proxies=trusted_proxies)
    let_go = app.let_go if isinstance(app, Bursar) else None
    server = _Server(config, address_of(listener, host), on_ready, let_go)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(server.serve(sockets=[listener]))
    if not server.started:
        raise RuntimeError("The app did not start.")


class _Server(uvicorn.Server):
    """Says when it is ready, and when it is about to stop."""

    def __init__(
        self,
        config: uvicorn.Config,
        address: str,
        on_ready: Callable[[str], None] | None,
        let_go: Callable[[], None] | None,
    ) -> None:
        super().__init__(config)
        self._address = address
        self._on_ready = on_ready
        self._let_go = let_go

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell."""
        await super().startup(sockets=sockets)
        # What is there now stays as long as the process does. To look through all of it in search
        # of garbage takes 30 ms and more, in which everybody would wait.
        gc.collect()
        gc.freeze()
        if self.started and self._on_ready is not None:
            self._on_ready(self._address)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Have nobody wait or listen any longer, then answer what is under way."""
        if self._let_go is not None:
            self._let_go()
        await super().shutdown(sockets=sockets)
