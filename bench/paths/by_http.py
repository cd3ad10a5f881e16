"""The ways over HTTP: a server in a process of its own, a connection kept alive for each caller."""

import asyncio
import os
import secrets
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from pathlib import Path as FilePath
from urllib.parse import urlsplit

from bench.http_client import Connection
from bench.orders import Order
from bench.paths.path import Path
from bursar.http.auth import mint

_ROOT = FilePath(__file__).parents[2]
_START_SECONDS = 30
_STOP_SECONDS = 15
_TOKEN_SECONDS = 3600
# What the doors answer to those who cannot pay.
_REFUSED = (402, 409)


class ByHttp(Path):
    """A request with the buyer's own token and an Idempotency-Key for every purchase."""

    name, title = "http", "HTTP, RPC door"
    module = "bench.servers.bursar_door"
    target = "/rest/v1/rpc/purchase_reward"
    body = '{"p_reward_id":"%s","p_collector_id":"%s"}'

    async def open(self, url: str, service_url: str, buyers: Sequence[str]) -> None:
        """Start the server, and sign a token for every buyer beforehand."""
        self._secret = secrets.token_urlsafe(32)
        self._tokens = {buyer: self._sign(buyer) for buyer in buyers}
        self._idle: list[Connection] = []
        self._process = await self._start(self._database_url(url, service_url))
        self.server_pid = self._process.pid

    def _database_url(self, url: str, service_url: str) -> str:
        return service_url

    async def buy(self, orders: Sequence[Order]) -> int:
        """Send the orders one after the other over a connection of this caller's own."""
        connection = await self._connection()
        done = 0
        for order in orders:
            status, answer = await connection.send(self._request(order))
            if status == 200:
                done += 1
            elif status not in _REFUSED:
                raise RuntimeError(f"HTTP {status}: {answer[:200].decode('utf-8', 'replace')}")
        self._idle.append(connection)
        return done

    async def close(self) -> None:
        """Disconnect and stop the server."""
        for connection in self._idle:
            connection.close()
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(self._process.wait(), _STOP_SECONDS)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()

    async def _connection(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                return connection
        return await Connection.open(*self._address)

    def _sign(self, buyer: str) -> str:
        return mint("authenticated", buyer, self._secret, _TOKEN_SECONDS)

    def _request(self, order: Order) -> bytes:
        token = self._tokens.get(order.buyer)
        if token is None:
            token = self._tokens[order.buyer] = self._sign(order.buyer)
        body = self.body % (order.reward, order.buyer)
        return (
            f"POST {self.target} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {token}\r\n"
            f"idempotency-key: {order.key}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n\r\n{body}"
        ).encode()

    async def _start(self, database_url: str) -> Process:
        environment = os.environ | {
            "BURSAR_DATABASE_URL": database_url,
            "BURSAR_JWT_SECRET": self._secret,
            "BURSAR_LOG_LEVEL": "error",
            "PYTHONPATH": os.pathsep.join([str(_ROOT), str(_ROOT / "src")]),
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", self.module, stdin=DEVNULL, stdout=PIPE, env=environment
        )
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), _START_SECONDS)
        parts = urlsplit(line.decode().strip())
        if parts.hostname is None or parts.port is None:
            raise RuntimeError(f"{self.module} did not start.")
        self._address = (parts.hostname, parts.port)
        return process


class ClassicHttp(ByHttp):
    """The classic function behind FastAPI and asyncpg, asked with the same token and header."""

    name, title = "classic_http", "classic, FastAPI"
    template = "template_classic"
    module = "bench.servers.classic_door"
    target = "/purchases"
    body = '{"reward_id":"%s","buyer_id":"%s"}'

    def _database_url(self, url: str, service_url: str) -> str:
        return url
