import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import httpx
import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from bursar.http.connection_limits import HEADER_BYTES_MAX, BoundedConnection
from tests.patience import PATIENCE_SECONDS, wait_until

# Below uvicorn's own limit for who is silent between two requests, and far above ours here.
QUICK_SECONDS = 20.0
# How long a head may take in these tests, and an answer that nobody reads.
SHORT_SECONDS = 1.0
PROGRAM = """
import asyncio, json, sys
from bursar.http import connection_limits as limits
from bursar.http.serve import serve
from bursar.settings import Settings

chosen = json.loads(sys.argv[1])
for name, value in chosen.pop("limits").items():
    setattr(limits, name, value)

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while (kind := (await receive())["type"]) != "lifespan.shutdown":
            await send({"type": kind + ".complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    path, size, more = scope["path"], 0, scope["path"] != "/early"
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size += len(message["body"])
        more = message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if path == "/late":
        await asyncio.sleep(3)
    for _ in range(12 if path == "/stream" else 0):
        await send({"type": "http.response.body", "body": b"piece", "more_body": True})
        await asyncio.sleep(0.25)
    body = b"x" * 16_777_216 if path == "/large" else f"{path} {size};".encode()
    await send({"type": "http.response.body", "body": body})

serve(Settings(**chosen), "127.0.0.1", 0, app=app, on_ready=lambda at: print(at, flush=True))
"""


class Server:
    """A server process with an app of a few lines behind the connections."""

    def __init__(self, limits: dict[str, float], **settings: int) -> None:
        given = json.dumps({**settings, "limits": limits})
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, given], text=True, stdout=subprocess.PIPE
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        assert self.url, "it did not start"

    def connect(self, sent: bytes = b"", receive_buffer: int = 0) -> socket.socket:
        peer = socket.socket()
        if receive_buffer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        peer.settimeout(QUICK_SECONDS)
        peer.connect(("127.0.0.1", int(self.url.rpartition(":")[2])))
        peer.sendall(sent)
        return peer

    def kilobytes(self) -> int:
        """How much memory the process has."""
        shown = ["ps", "-o", "rss=", "-p", str(self.process.pid)]
        return int(subprocess.check_output(shown))


@pytest.fixture
def started() -> Iterator[Callable[..., Server]]:
    with ExitStack() as stack:

        def start(limits: dict[str, float] | None = None, **settings: int) -> Server:
            server = Server(limits or {}, **settings)
            stack.callback(server.process.communicate)
            stack.callback(server.process.kill)
            return server

        yield start


def rest_of(peer: socket.socket) -> bytes:
    """What comes until the other side closes."""
    got = bytearray()
    # What it had not read when it closed resets the connection.
    with suppress(ConnectionResetError):
        while piece := peer.recv(65536):
            got += piece
    return bytes(got)


def answers_of(peer: socket.socket, count: int) -> bytes:
    got = b""
    while got.count(b";\r\n0\r\n\r\n") < count:
        piece = peer.recv(65536)
        assert piece, got[-500:]
        got += piece
    return got


def pour(peer: socket.socket, piece: bytes, bytes_max: int) -> int:
    """Send and send; return how much went away until the other side closed."""
    sent = 0
    with suppress(OSError):
        while sent < bytes_max:
            peer.sendall(piece)
            sent += len(piece)
    return sent


@pytest.mark.parametrize(
    ("opening", "more"),
    [
        (b"GET / HTTP/1.1\r\n", b"x-more: %s\r\n" % (b"y" * 1000)),
        (b"GET / HTTP/1.1\r\nx-one: ", b"y" * 1000),
        (b"GET / HTTP/1.1\r\n", b"n" * 1000),
        (b"GET /", b"p" * 1000),
        (b"", b"\r\n" * 500),
        (
            b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n",
            b"x: %s\r\n" % (b"y" * 1000),
        ),
    ],
    ids=["lines", "value", "name", "address", "empty lines", "trailers"],
)
def test_a_head_without_end_is_refused_and_not_kept(
    started: Callable[..., Server], opening: bytes, more: bytes
) -> None:
    server = started()
    before = server.kilobytes()
    with server.connect(opening) as peer:
        sent = pour(peer, more, 40_000_000)
        answer = rest_of(peer)

    assert sent < 40_000_000
    assert server.kilobytes() - before < 4_000
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")


def test_a_head_that_is_too_large_is_answered_in_the_form_of_the_house(
    started: Callable[..., Server],
) -> None:
    server = started()
    fits = b"GET /a HTTP/1.1\r\nx: %s\r\n\r\n" % (b"y" * (HEADER_BYTES_MAX - 100))
    with server.connect(fits) as peer:
        assert b" 200 " in answers_of(peer, 1)
        peer.sendall(b"GET /b HTTP/1.1\r\nx: ")
        peer.sendall(b"y" * (HEADER_BYTES_MAX - 20))
        head, _, body = rest_of(peer).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
    assert b"\r\nconnection: close" in head
    assert b"\r\ncontent-type: application/problem+json" in head
    problem = json.loads(body)
    assert (problem["status"], problem["code"]) == (431, "HEAD_TOO_LARGE")
    # One that comes whole is no smaller for that.
    with server.connect(b"GET /c HTTP/1.1\r\nx: %s\r\n\r\n" % (b"y" * 60_000)) as peer:
        assert rest_of(peer)[:13] in (b"HTTP/1.1 431 ", b"")


def test_those_who_connect_and_say_nothing_do_not_keep_others_out(
    started: Callable[..., Server],
) -> None:
    server = started({"HEAD_SECONDS": SHORT_SECONDS}, connections_max=8)
    with ExitStack() as stack:
        silent = [stack.enter_context(server.connect()) for _ in range(8)]
        assert httpx.get(f"{server.url}/health").status_code == 503
        wait_until(lambda: httpx.get(f"{server.url}/health").status_code == 200)
        assert [rest_of(peer) for peer in silent] == [b""] * 8


@pytest.mark.parametrize("before", [b"", b"GET /first HTTP/1.1\r\n\r\n"], ids=["new", "kept alive"])
def test_a_byte_every_now_and_then_does_not_keep_a_connection(
    started: Callable[..., Server], before: bytes
) -> None:
    server = started({"HEAD_SECONDS": SHORT_SECONDS})
    with server.connect(before) as peer:
        if before:
            answers_of(peer, 1)
        sent = 0
        peer.settimeout(0.1)
        began, answer = time.monotonic(), b""
        while not answer and time.monotonic() - began < QUICK_SECONDS:
            peer.sendall(b"GET / HTTP/1.1\r\nx: "[sent : sent + 1] or b"y")
            sent += 1
            try:
                answer = peer.recv(65536)
            except TimeoutError:
                continue

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"TIMEOUT"' in answer


def test_the_rest_of_a_body_that_was_answered_already_does_not_keep_a_connection(
    started: Callable[..., Server],
) -> None:
    server = started({"HEAD_SECONDS": SHORT_SECONDS})
    with server.connect(b"POST /early HTTP/1.1\r\ncontent-length: 99\r\n\r\n12") as peer:
        assert b"/early 0;" in answers_of(peer, 1)
        peer.settimeout(QUICK_SECONDS)
        peer.sendall(b"3")
        assert rest_of(peer) == b""


def test_who_is_silent_between_requests_is_waited_for(started: Callable[..., Server]) -> None:
    server = started({"HEAD_SECONDS": SHORT_SECONDS / 2})
    with server.connect(b"GET /one HTTP/1.1\r\n\r\n") as peer:
        assert b"/one" in answers_of(peer, 1)
        time.sleep(SHORT_SECONDS * 2)
        peer.sendall(b"GET /two HTTP/1.1\r\n\r\n")
        assert b"/two" in answers_of(peer, 1)


def test_requests_may_come_in_pieces_and_several_at_once(started: Callable[..., Server]) -> None:
    server = started()
    with server.connect() as peer:
        for piece in (b"GE", b"T /in-pieces HTT", b"P/1.1\r\nx: y\r", b"\n\r\n"):
            peer.sendall(piece)
            time.sleep(0.05)
        assert b"/in-pieces 0" in answers_of(peer, 1)
        post = b"POST /body HTTP/1.1\r\ncontent-length: 300000\r\n\r\n" + b"z" * 300_000
        peer.sendall(post + b"GET /after HTTP/1.1\r\n\r\n" * 100 + post)
        got = answers_of(peer, 102)
        assert (got.count(b"/body 300000;"), got.count(b"/after 0;")) == (2, 100)
        # Frames of a body are none of its bytes, and there are more of them than a head may have.
        chunked = b"POST /chunks HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"
        peer.sendall(chunked + b"1\r\nz\r\n" * 50_000 + b"0\r\nx-sum: 1\r\n\r\n")
        assert b"/chunks 50000;" in answers_of(peer, 1)


def test_requests_that_queue_on_one_connection_are_bounded(
    started: Callable[..., Server],
) -> None:
    server = started()
    before = server.kilobytes()
    with server.connect(b"GET /late HTTP/1.1\r\n\r\n") as peer, ThreadPoolExecutor(1) as pool:
        # Its answers are read: each that went away let the server read more requests.
        reading = pool.submit(rest_of, peer)
        pour(peer, b"GET / HTTP/1.1\r\n\r\n" * 10_000, 5_000_000)
        grown = server.kilobytes() - before
        server.process.kill()
        reading.result()

    assert grown < 20_000  # Without a limit: 170,000.


@pytest.mark.parametrize("path", ["/stream", "/late"])
def test_an_answer_that_takes_long_goes_on(started: Callable[..., Server], path: str) -> None:
    server = started({"HEAD_SECONDS": SHORT_SECONDS, "UNREAD_SECONDS": SHORT_SECONDS})

    answer = httpx.get(server.url + path, timeout=PATIENCE_SECONDS)

    assert answer.text == "piece" * (12 if path == "/stream" else 0) + f"{path} 0;"


@pytest.mark.parametrize("asks_to_close", [False, True])
def test_an_answer_that_nobody_reads_is_not_kept(
    started: Callable[..., Server], asks_to_close: bool
) -> None:
    short = {"UNREAD_SECONDS": SHORT_SECONDS, "UNREAD_BYTES_PER_SECOND": 1e9}
    server = started(short, connections_max=2)
    asked = b"GET /large HTTP/1.1\r\n%s\r\n" % (b"connection: close\r\n" if asks_to_close else b"")
    with server.connect(asked, receive_buffer=4096) as peer:
        assert peer.recv(1)
        assert httpx.get(server.url).status_code == 503
        wait_until(lambda: httpx.get(server.url).status_code == 200, QUICK_SECONDS)
        assert len(rest_of(peer)) < 16_777_216


def test_an_answer_that_is_read_slowly_is_read_to_its_end(
    started: Callable[..., Server],
) -> None:
    server = started({"UNREAD_SECONDS": SHORT_SECONDS, "UNREAD_BYTES_PER_SECOND": 400_000})
    asked = b"GET /large HTTP/1.1\r\nconnection: close\r\n\r\n"
    with server.connect(asked, receive_buffer=65536) as peer:
        time.sleep(SHORT_SECONDS * 2)
        assert len(rest_of(peer)) > 16_777_216


def test_what_is_built_upon_is_there_in_this_uvicorn() -> None:
    ours = {name for name in vars(BoundedConnection) if not name.startswith("_")}

    assert ours
    assert ours - {"on_chunk_complete"} <= set(dir(HttpToolsProtocol))
