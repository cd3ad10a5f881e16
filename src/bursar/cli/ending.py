"""One orderly end for every way to be told to stop: Ctrl-C, SIGTERM, a closed terminal."""

import signal
from types import FrameType, TracebackType
from typing import Any, Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Told(BaseException):
    """Raised where the program notices that it was told to stop. Not an error."""


class Ending:
    """Notes the signals that ask this process to stop, so that work under way ends whole.

    Preparation asks `check` between its steps; a step is bounded, and whoever asks twice does not
    wait for it. The HTTP server handles the signals itself while it runs; call `pass_on` when it
    is ready, for those that came before. From `stopping` on nothing is raised any more.
    """

    def __init__(self) -> None:
        self._told = False
        self._serving = False
        self._stopping = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        for number in _SIGNALS:
            if number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
                continue  # nohup
            self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def check(self) -> None:
        """Raise `Told` if this process was told to stop."""
        if self._told:
            raise Told

    def pass_on(self) -> None:
        """Stop the HTTP server, now ready, if this process was told to stop meanwhile."""
        self._serving = True
        if self._told:
            signal.raise_signal(signal.SIGTERM)

    def stopping(self) -> None:
        """Ignore further signals: everything is being stopped, and that takes a bounded time."""
        self._stopping = True

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._stopping:
            return
        if self._serving:
            # The server minds the other two; once it has ended it raises them again, for us.
            if number == signal.SIGHUP:
                signal.raise_signal(signal.SIGTERM)
            return
        if self._told:
            raise Told
        self._told = True
