"""How a stand-in serves as a process: its socket, its address on the first line, its end."""

import os
import signal
import socket
import sys
import threading
from typing import Any

import uvicorn

SHUTDOWN_SECONDS = 2


def listen(host: str, port: int, before: int = 0) -> socket.socket:
    """Listen at a port; where any will do, at the one that was had before, if it is free.

    Raises `OSError` in a sentence.
    """
    refusal = OSError()
    for choice in (before, 0) if port == 0 and before else (port,):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, choice))
        except OSError as error:
            listener.close()
            refusal = error
        else:
            return listener
    raise OSError(f"Cannot listen at {host}, port {port}: {refusal.strerror}.")


def end_with_input() -> None:
    """End this process, as SIGTERM does, when its standard input ends.

    A parent that holds the other end of that pipe takes it along, however it dies.
    """

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def serve(app: Any, listener: socket.socket, address: str, *, lifespan: bool) -> None:
    """Serve an ASGI application until SIGINT or SIGTERM; print its address when it is ready."""
    config = uvicorn.Config(
        app,
        lifespan="on" if lifespan else "off",
        interface="asgi3",
        ws="none",
        access_log=False,
        # They print themselves what goes wrong. That a call was hanging, to order, when it was told
        # to end is nothing that did.
        log_level="critical",
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    _Announced(config, address).run(sockets=[listener])


class _Announced(uvicorn.Server):
    """Says its address when it is ready."""

    def __init__(self, config: uvicorn.Config, address: str) -> None:
        super().__init__(config)
        self._address = address

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell."""
        await super().startup(sockets=sockets)
        if self.started:
            sys.stdout.write(f"{self._address}\n")
            sys.stdout.flush()
