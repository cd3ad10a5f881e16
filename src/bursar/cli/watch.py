"""Keeps an embedded PostgreSQL alive while a deployment runs."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

import psycopg

from bursar.db.embedded import Cluster
from bursar.db.fault import ClusterError

_LOOK_SECONDS = 0.25
_BACKOFF_SECONDS_MAX = 30.0


class Watch:
    """Starts the cluster again when its server is gone: killed, or out of memory.

    It looks four times a second, at a process id, which costs nothing. A start that fails is
    tried again after 1, 2, 4 … 30 seconds. `say` is told in a sentence what happened. A data
    directory that was deleted is not made again: an empty ledger must not replace a full one.
    """

    def __init__(self, cluster: Cluster, say: Callable[[str], None]) -> None:
        self._cluster = cluster
        self._say = say
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bursar-watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end.set()
        self._thread.join()  # a start under way is bounded, and must not follow our stop

    def _run(self) -> None:
        backoff = 1.0
        while not self._end.wait(_LOOK_SECONDS):
            try:
                if self._cluster.is_running():
                    continue
                if not self._cluster.place.data.is_dir():
                    self._say("The data directory is gone. Put it back, or stop and start anew.")
                    return
                self._say("PostgreSQL has ended; it is being started again.")
                self._cluster.start()
                self._say("PostgreSQL answers again.")
                backoff = 1.0
            except (ClusterError, OSError, psycopg.Error) as error:
                self._say(f"PostgreSQL could not be started: {error}")
                self._end.wait(backoff)
                backoff = min(backoff * 2, _BACKOFF_SECONDS_MAX)
