"""The same carts over HTTP, with the buyer's own token and a connection that is kept alive."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import uvloop

from bench.carts.stock import BUYERS
from bench.carts.way import Way
from bench.orders import Order, Sizes, identities
from bench.paths.by_http import ByHttp, token_of
from bench.paths.path import Site


class _Door(ByHttp):
    """The marketplace's door. Here an order's reward is a list of leads, as JSON."""

    name, title, kind = "http_cart", "HTTP", "ours"
    says = "POST /api/marketplace/purchase"
    target = "/api/marketplace/purchase"

    def _body(self, order: Order) -> str:
        return f'{{"leadIds":[{order.reward}],"paymentMethod":"credits"}}'


class CartsByHttp(Way):
    """`POST /api/marketplace/purchase`, one caller."""

    name, title = "http", "one call, HTTP"
    says = (
        "POST /api/marketplace/purchase with the buyer's own token and an Idempotency-Key, to"
        " uvicorn in a process of its own"
    )

    def __init__(self, url: str) -> None:
        super().__init__()
        for buyer in identities("workspace", BUYERS):
            token_of(buyer)
        self._loop = uvloop.new_event_loop()
        self._door = _Door()
        self._loop.run_until_complete(
            self._door.open(Site(url, url, Sizes(buyers=1), None, lambda name: Path(name)))
        )

    @staticmethod
    def missing() -> bool:
        """Whether there is no such door here."""
        return importlib.util.find_spec("bursar.http.marketplace") is None

    @property
    def server_pid(self) -> int:
        """The server's first process."""
        return self._door.server_pid or 0

    def carry_out(self, buyer: str, leads: Sequence[str]) -> bool:
        """Send the request, and wait for its answer."""
        order = Order(buyer, ",".join(f'"{lead}"' for lead in leads), self.new_key())
        return self._loop.run_until_complete(self._door.buy([order])) == 1

    def close(self) -> None:
        """Disconnect and stop the server."""
        self._loop.run_until_complete(self._door.close())
        self._loop.close()
