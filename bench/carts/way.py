"""What a way is: how a workspace buys a cart of leads."""

import uuid
from abc import ABC, abstractmethod
from collections.abc import Sequence

import msgspec
import psycopg

_encode = msgspec.json.Encoder().encode


class Way(ABC):
    """A way to buy carts, one after the other. `says` tells in a sentence what a cart is here.

    `bought` counts the leads of carts that were answered as bought; `backend_pid` names the one
    process of PostgreSQL that does the work, where there is one.
    """

    name: str
    title: str
    says: str
    backend_pid: int | None = None

    def __init__(self) -> None:
        self.bought = 0

    def buy(self, buyer: str, leads: Sequence[str]) -> bool:
        """Buy a cart, all or nothing; say whether it was bought."""
        done = self.carry_out(buyer, leads)
        if done:
            self.bought += len(leads)
        return done

    @staticmethod
    def new_key() -> str:
        """Return a key under which nothing was asked for yet."""
        return str(uuid.uuid4())

    @abstractmethod
    def carry_out(self, buyer: str, leads: Sequence[str]) -> bool:
        """Buy a cart. Raises whatever its driver raises when a call fails."""

    @abstractmethod
    def close(self) -> None:
        """Disconnect, and stop what was started."""


class Statements(Way):
    """A way that sends statements over one connection, which stays open and keeps them prepared."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._connection = psycopg.connect(url, autocommit=True, prepare_threshold=0)
        self.backend_pid = self._connection.info.backend_pid

    def close(self) -> None:
        """Disconnect."""
        self._connection.close()


class Call(Statements):
    """Everything in one call."""

    name, title = "call", "one call, SQL"
    says = "SELECT bursar.complete_credit_lead_purchase($1) through psycopg, on one connection"

    def carry_out(self, buyer: str, leads: Sequence[str]) -> bool:
        """Send the cart as a batch of one."""
        request = {
            "buyer_workspace_id": buyer,
            "lead_ids": leads,
            "key": self.new_key(),
        }
        row = self._connection.execute(
            "SELECT bursar.complete_credit_lead_purchase(%s::jsonb)", [_encode([request]).decode()]
        ).fetchone()
        return row is not None and row[0][0]["status"] == "done"
