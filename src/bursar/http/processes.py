"""Several server processes behind one socket, and the one process that minds them.

The minder owns the bound socket, starts the processes that accept on it, starts another in the
place of one that died, and ends all of them when it is told to. It answers no request itself.
Connections that arrive while a process is missing are accepted by the others.

A process learns what to do from one line of JSON on its standard input, so that no secret is in
its command line or environment, and says `ready` on its standard output. Its input stays open as
long as the minder lives: when it ends, the process ends too.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence

from bursar.http.serve import BACKLOG, SHUTDOWN_SECONDS

READY = b"ready\n"
START_SECONDS = 60.0
# uvicorn gives requests SHUTDOWN_SECONDS; then the engine and the pools close.
STOP_SECONDS = SHUTDOWN_SECONDS + 10.0
# A process that lived this long was well; one that did not is not started again at once.
WELL_SECONDS = 10.0
_BACKOFF_SECONDS = 0.25
_BACKOFF_SECONDS_MAX = 5.0


def mind(
    listener: socket.socket,
    command: Sequence[str],
    orders: Sequence[bytes],
    *,
    on_ready: Callable[[], None],
    say: Callable[[str], None],
) -> None:
    """Keep one process of `command` running for each of `orders` until told to stop.

    Each process inherits `listener` under the same descriptor, and gets its order, one line, as
    input. `on_ready` is called when all of them are ready; `say` is told in a sentence when one
    ended and another is started. SIGINT and SIGTERM end it: requests under way are answered, and a
    second SIGINT does not wait for them. Raises `RuntimeError` when a process does not start.
    """
    listener.listen(BACKLOG)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    minder = _Minder(listener, command, orders, on_ready, say)
    try:
        asyncio.run(minder.run())
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if minder.failed:
        raise RuntimeError("The app did not start.")


class _Minder:
    def __init__(
        self,
        listener: socket.socket,
        command: Sequence[str],
        orders: Sequence[bytes],
        on_ready: Callable[[], None],
        say: Callable[[str], None],
    ) -> None:
        self._listener = listener
        self._command = command
        self._orders = orders
        self._on_ready = on_ready
        self._say = say
        self._stop = asyncio.Event()
        self._running: set[asyncio.subprocess.Process] = set()
        self._ready: set[int] = set()
        self.failed = False

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._told, number)
        keepers = [asyncio.create_task(self._keep(place)) for place in range(len(self._orders))]
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait([stopping, *keepers], return_when=asyncio.FIRST_COMPLETED)
        self._stop.set()
        self._send(signal.SIGTERM)
        await asyncio.wait(keepers, timeout=STOP_SECONDS)
        self._send(signal.SIGKILL)
        await asyncio.gather(stopping, *keepers)

    def _told(self, number: signal.Signals) -> None:
        if self._stop.is_set() and number == signal.SIGINT:
            self._send(signal.SIGINT)  # To uvicorn a second signal, this one, means "now".
        self._stop.set()

    def _send(self, number: signal.Signals) -> None:
        for process in self._running:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)

    async def _keep(self, place: int) -> None:
        """Keep one process running until told to stop."""
        loop = asyncio.get_running_loop()
        backoff = _BACKOFF_SECONDS
        while not self._stop.is_set():
            started = loop.time()
            code = await self._see_through(place)
            if self._stop.is_set():
                return
            if place not in self._ready:
                self.failed = True
                self._stop.set()
                return
            self._say(f"Server process {place + 1} {_how(code)}; another takes its place.")
            if loop.time() - started > WELL_SECONDS:
                backoff = _BACKOFF_SECONDS
                continue
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), backoff)
            backoff = min(backoff * 2, _BACKOFF_SECONDS_MAX)

    async def _see_through(self, place: int) -> int:
        """Start a process, note when it is ready, and return its exit code once it ended."""
        descriptor = self._listener.fileno()
        process = await asyncio.create_subprocess_exec(
            *self._command,
            str(descriptor),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=[descriptor],
            start_new_session=True,  # The Ctrl-C of a terminal reaches the minder alone.
        )
        self._running.add(process)
        try:
            if self._stop.is_set():
                process.kill()
            await self._give_order(process, place)
            return await process.wait()
        finally:
            self._running.discard(process)

    async def _give_order(self, process: asyncio.subprocess.Process, place: int) -> None:
        order, said = process.stdin, process.stdout
        if order is None or said is None:
            raise RuntimeError("The process has no pipes.")
        with contextlib.suppress(OSError):
            order.write(self._orders[place] + b"\n")
            await order.drain()
        try:
            async with asyncio.timeout(START_SECONDS):
                while (line := await said.readline()) and line != READY:
                    pass
        except TimeoutError:
            process.kill()
            return
        if line == READY:
            self._ready.add(place)
            if len(self._ready) == len(self._orders) and not self._stop.is_set():
                ready, self._on_ready = self._on_ready, _nothing
                ready()
        while await said.read(65536):
            pass  # What is printed by accident must not fill the pipe.


def _nothing() -> None:
    """Stand in for what was to be done once."""


def _how(code: int) -> str:
    return f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"


def take_order() -> bytes:
    """Return this process's order; from now on the end of its input ends it, as SIGTERM does."""
    order = sys.stdin.buffer.readline()

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="bursar minder", daemon=True).start()
    return order


def say_ready() -> None:
    """Tell the minder that this process accepts connections."""
    sys.stdout.buffer.write(READY)
    sys.stdout.buffer.flush()
