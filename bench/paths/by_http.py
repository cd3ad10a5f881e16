"""The ways over HTTP: a server in a process of its own, a connection kept alive for each caller."""

import asyncio
import os
import secrets
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path as FilePath
from urllib.parse import urlsplit

import msgspec

from bench.http_client import Connection
from bench.orders import Order, identities
from bench.paths.path import Buyer, Site, Template
from bursar.http.auth import mint

_ROOT = FilePath(__file__).parents[2]
_START_SECONDS = 30
_STOP_SECONDS = 15
_TOKEN_SECONDS = 3600
# What the doors answer to those who cannot pay.
_REFUSED = (402, 409)
_SECRET = secrets.token_urlsafe(32)
_decode = msgspec.json.Decoder().decode


@lru_cache(maxsize=50_000)
def token_of(buyer: str) -> str:
    """Return the token that a buyer is signed in with at every server of this process."""
    return mint("authenticated", buyer, _SECRET, _TOKEN_SECONDS)


class ByHttp(Buyer):
    """A request over a connection of the caller's own. Subclasses say which."""

    module = "bench.servers.bursar_door"
    target: str

    async def open(self, site: Site) -> None:
        """Start the server, and sign a token for every buyer beforehand."""
        for buyer in identities("buyer", site.sizes.buyers):
            token_of(buyer)
        self._idle: list[Connection] = []
        self._process = await self._start(self._database_url(site))
        self.server_pid = self._process.pid

    def _database_url(self, site: Site) -> str:
        return site.service_url

    async def buy(self, orders: Sequence[Order]) -> int:
        """Send the orders one after the other."""
        connection = await self._connection()
        done = 0
        for order in orders:
            status, answer = await connection.send(self._request(order))
            if status in (200, 201):
                done += 1
            elif status not in _REFUSED:
                raise _unexpected(status, answer)
        self._idle.append(connection)
        return done

    def _request(self, order: Order) -> bytes:
        return _post(self.target, token_of(order.buyer), order.key, self._body(order))

    def _body(self, order: Order) -> str:
        raise NotImplementedError

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

    async def _start(self, database_url: str) -> Process:
        environment = os.environ | {
            "BURSAR_DATABASE_URL": database_url,
            "BURSAR_JWT_SECRET": _SECRET,
            "BURSAR_LOG_LEVEL": "error",
            "PYTHONPATH": os.pathsep.join([str(_ROOT), str(_ROOT / "src")]),
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", self.module, stdin=DEVNULL, stdout=PIPE, env=environment
        )
        assert process.stdout is not None
        try:
            line = await asyncio.wait_for(process.stdout.readline(), _START_SECONDS)
            parts = urlsplit(line.decode().strip())
            if parts.hostname is None or parts.port is None:
                raise RuntimeError(f"{self.module} did not start.")
        except BaseException:  # nobody else would end it
            process.kill()
            await process.wait()
            raise
        self._address = (parts.hostname, parts.port)
        return process


class Rpc(ByHttp):
    """The door that stock Supabase clients use."""

    name, title, kind = "rpc", "HTTP, stock RPC", "ours"
    says = "POST /rest/v1/rpc/purchase_reward with the buyer's own token and an Idempotency-Key"
    target = "/rest/v1/rpc/purchase_reward"

    def _body(self, order: Order) -> str:
        return f'{{"p_reward_id":"{order.reward}","p_collector_id":"{order.buyer}"}}'


class V1(ByHttp):
    """The plain API, one purchase for each request."""

    name, title, kind = "v1", "HTTP, /v1/purchases", "ours"
    says = "POST /v1/purchases with the buyer's own token and an Idempotency-Key"
    target = "/v1/purchases"

    def _body(self, order: Order) -> str:
        return f'{{"reward_id":"{order.reward}","collector_id":"{order.buyer}"}}'


class V1Batch(ByHttp):
    """The plain API, a hundred purchases for each request, asked for by a backend."""

    name, title, kind = "v1_batch", "HTTP, /v1/batch of 100", "ours"
    says = "POST /v1/batch with a hundred purchases, each with its key, and the service's token"
    target = "/v1/batch"
    per_call = 100

    async def open(self, site: Site) -> None:
        """Start the server; there is one token, the service's."""
        await super().open(site)
        self._token = mint("service_role", None, _SECRET, _TOKEN_SECONDS)

    async def buy(self, orders: Sequence[Order]) -> int:
        """Send the orders in one request."""
        connection = await self._connection()
        body = '{"requests":[' + ",".join(self._body(order) for order in orders) + "]}"
        status, answer = await connection.send(_post(self.target, self._token, "", body))
        if status != 200:
            raise _unexpected(status, answer)
        self._idle.append(connection)
        statuses = [outcome["status"] for outcome in _decode(answer)["outcomes"]]
        if not {"done", "refused"}.issuperset(statuses):
            raise _unexpected(status, answer)
        return statuses.count("done")

    def _body(self, order: Order) -> str:
        return (
            f'{{"verb":"purchase_reward","reward_id":"{order.reward}",'
            f'"collector_id":"{order.buyer}","key":"{order.key}"}}'
        )


class ClassicHttp(ByHttp):
    """The classic function behind FastAPI and asyncpg, asked with the same token and header."""

    name, title, kind = "classic_http", "classic, FastAPI", "rival"
    says = "the classic function behind FastAPI and asyncpg, the token verified with PyJWT"
    needs = ("fastapi", "asyncpg")
    template: Template | None = "template_classic"
    module = "bench.servers.classic_door"
    target = "/purchases"

    def _database_url(self, site: Site) -> str:
        return site.url

    def _body(self, order: Order) -> str:
        return f'{{"reward_id":"{order.reward}","buyer_id":"{order.buyer}"}}'


def _post(target: str, token: str, key: str, body: str) -> bytes:
    header = f"idempotency-key: {key}\r\n" if key else ""
    return (
        f"POST {target} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {token}\r\n{header}"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n{body}"
    ).encode()


def _unexpected(status: int, answer: bytes) -> RuntimeError:
    return RuntimeError(f"HTTP {status}: {answer[:200].decode('utf-8', 'replace')}")
