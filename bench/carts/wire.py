"""A longer wire between a client and PostgreSQL, which counts how often one waits for the other.

Client and server of a benchmark live in one machine; those of an app seldom do.
"""

import contextlib
import shutil
import socket
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from psycopg.conninfo import conninfo_to_dict, make_conninfo

_CHUNK = 65_536


class Wire:
    """Passes bytes on between a private Unix socket and the server's own, in threads.

    `seconds` is how much longer a question and its answer take together. `round_trips` counts the
    times that a client spoke after the server had answered.
    """

    def __init__(self, url: str, seconds: float = 0.0) -> None:
        self._url = url
        self._half = seconds / 2
        known = conninfo_to_dict(url)
        name = f".s.PGSQL.{known['port']}"
        self._target = Path(str(known["host"]), name)
        self._directory = Path(tempfile.mkdtemp(prefix="wire-"))
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(self._directory / name))
        self._listening.listen()
        self._sockets = [self._listening]
        self.round_trips = 0

    @property
    def url(self) -> str:
        """Where to connect instead."""
        return make_conninfo(self._url, host=str(self._directory))

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for one in self._sockets:
            # Whoever reads from it wakes up and ends.
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        shutil.rmtree(self._directory)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(str(self._target))
                self._sockets += [client, server]
                turn = _Turn()
                for source, target, spoken in ((client, server, True), (server, client, False)):
                    threading.Thread(
                        target=self._pass_on, args=(source, target, turn, spoken), daemon=True
                    ).start()

    def _pass_on(
        self, source: socket.socket, target: socket.socket, turn: "_Turn", spoken: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_CHUNK):
                if spoken and turn.server_spoke_last:
                    self.round_trips += 1
                if turn.server_spoke_last == spoken and self._half:
                    # Once for each turn: what follows at once travels right behind.
                    time.sleep(self._half)
                turn.server_spoke_last = not spoken
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


class _Turn:
    """Whose turn it was on one connection."""

    def __init__(self) -> None:
        self.server_spoke_last = True
