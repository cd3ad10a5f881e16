"""`/v1` for reading: wallets, statements, explanations, holds and transactions.

A signed-in user reads what is theirs. Somebody else's hold or transaction is answered exactly as
one that does not exist, because their ids can be guessed.
"""

import re
from typing import Any
from urllib.parse import quote

import msgspec

from bursar.http.calls import Ledger
from bursar.http.exchange import Answer, Exchange
from bursar.http.problem import malformed, refused
from bursar.http.route import Route, decoded
from bursar.http.v1 import path_id

PAGE_MAX = 200
PAGE_DEFAULT = 50
_encode = msgspec.json.Encoder().encode
_ASSET = re.compile(r"[a-z][a-z0-9_]{0,39}")
_STATUSES = (401, 403, 404, 422, 503)
_OBJECT = {"type": "object"}
_WALLET = {
    "type": "object",
    "required": ["owner_id", "asset", "balance", "held", "available"],
    "properties": {
        "owner_id": {"type": "string"},
        "asset": {"type": "string"},
        "balance": {"type": "integer"},
        "held": {"type": "integer"},
        "available": {"type": "integer"},
        "owed": {"type": "integer"},
        "status": {"type": "string", "enum": ["open", "frozen", "closed"]},
        "seq": {"type": "integer"},
    },
}
_STATEMENT = {
    "type": "object",
    "required": ["entries", "next"],
    "properties": {
        "entries": {"type": "array", "items": _OBJECT},
        "next": {"type": ["string", "null"], "description": "Where the next page is."},
    },
}


class V1Reads:
    """The reading half of `/v1`."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def routes(self) -> list[Route]:
        """Return the routes of the reads."""
        wallet = "/v1/wallets/{owner_id}"
        return [
            Route(
                "GET",
                wallet,
                self.wallet,
                "read_wallet",
                "v1",
                "What a wallet holds",
                parameters=("asset",),
                answer=_WALLET,
                statuses=_STATUSES,
                tags=("Ledger",),
            ),
            Route(
                "GET",
                f"{wallet}/statement",
                self.statement,
                "read_statement",
                "v1",
                "A wallet's entries, newest first",
                "Pages by sequence number: follow `next` until it is null.",
                parameters=("asset", "before_seq", "limit"),
                answer=_STATEMENT,
                statuses=_STATUSES,
                tags=("Ledger",),
            ),
            Route(
                "GET",
                f"{wallet}/explain",
                self.explain,
                "explain",
                "v1",
                "Why a balance is what it is",
                parameters=("asset",),
                answer=_OBJECT,
                statuses=_STATUSES,
                tags=("Ledger",),
            ),
            Route(
                "GET",
                "/v1/holds/{id}",
                self.hold,
                "read_hold",
                "v1",
                "A hold as it stands",
                answer=_OBJECT,
                statuses=_STATUSES,
                tags=("Ledger",),
            ),
            Route(
                "GET",
                "/v1/transactions/{id}",
                self.transaction,
                "read_transaction",
                "v1",
                "A transaction and its entries",
                answer=_OBJECT,
                statuses=_STATUSES,
                tags=("Ledger",),
            ),
        ]

    async def wallet(self, exchange: Exchange) -> Answer:
        """Answer a wallet's balance, what is held, and what is owed."""
        owner_id, given = _owner(exchange), parameters_of(exchange, {"asset"})
        return await self._read("WALLET_NOT_FOUND", "read_wallet", owner_id, _asset(given))

    async def explain(self, exchange: Exchange) -> Answer:
        """Answer why the balance is what it is."""
        owner_id, given = _owner(exchange), parameters_of(exchange, {"asset"})
        return await self._read("WALLET_NOT_FOUND", "explain", owner_id, _asset(given))

    async def statement(self, exchange: Exchange) -> Answer:
        """Answer one page of entries and the address of the next."""
        owner_id = _owner(exchange)
        given = parameters_of(exchange, {"asset", "before_seq", "limit"})
        asset = _asset(given)
        before = number_of(given, "before_seq", 2**63 - 1)
        limit = number_of(given, "limit", PAGE_MAX) or PAGE_DEFAULT
        entries = await self._ledger.read("read_statement", owner_id, asset, before, limit) or []
        link = None
        if len(entries) == limit and entries[-1]["seq"] > 1:
            link = (
                f"/v1/wallets/{quote(owner_id, safe='')}/statement?asset={quote(asset)}"
                f"&before_seq={entries[-1]['seq']}&limit={limit}"
            )
        return Answer(200, _encode({"entries": entries, "next": link}))

    async def hold(self, exchange: Exchange) -> Answer:
        """Answer a hold."""
        found = await self._ledger.read("read_hold", path_id(exchange, "id"))
        return _own(exchange, found, "HOLD_NOT_FOUND")

    async def transaction(self, exchange: Exchange) -> Answer:
        """Answer a transaction; to a signed-in user, of its entries only their own."""
        found = await self._ledger.read("read_transaction", path_id(exchange, "id"))
        if isinstance(found, dict) and not exchange.principal.is_service:
            entries = found.get("entries")
            if isinstance(entries, list):
                own = [e for e in entries if e.get("owner_id") == exchange.principal.sub]
                found = {**found, "entries": own}
        return _own(exchange, found, "TRANSACTION_NOT_FOUND")

    async def _read(self, missing: str, function: str, *arguments: str) -> Answer:
        found = await self._ledger.read(function, *arguments)
        if found is None:
            raise refused(missing)
        return Answer(200, _encode(found))


def _own(exchange: Exchange, found: Any, missing: str) -> Answer:
    principal = exchange.principal
    if not isinstance(found, dict) or not (
        principal.is_service or found.get("owner_id") == principal.sub
    ):
        raise refused(missing)
    return Answer(200, _encode(found))


def _owner(exchange: Exchange) -> str:
    """Return the owner that the path names. Raises 403 when it is not the caller's business."""
    owner_id = decoded(exchange.values["owner_id"], "owner_id")
    if not (len(owner_id) <= 255 and owner_id.isascii() and owner_id.isprintable()):
        raise malformed("owner_id", "It must be 1 to 255 printable ASCII characters.")
    principal = exchange.principal
    if not principal.is_service and owner_id != principal.sub:
        raise refused("NOT_AUTHORIZED", "You may read your own wallet only.")
    return owner_id


def parameters_of(exchange: Exchange, allowed: set[str]) -> dict[str, str]:
    """Return the query's parameters. Raises 422 for one that there is not, or that comes twice."""
    given: dict[str, str] = {}
    for name, value in exchange.parameters():
        if name not in allowed:
            raise malformed(name[:63], "There is no such parameter.")
        if name in given:
            raise malformed(name, "It was given twice.")
        given[name] = value
    return given


def _asset(given: dict[str, str]) -> str:
    asset = given.get("asset", "")
    if not _ASSET.fullmatch(asset):
        raise malformed("asset", "Name the asset: ?asset=credit, for example.")
    return asset


def number_of(given: dict[str, str], name: str, most: int) -> int | None:
    """Return a parameter's whole number, 1 to `most`. Raises 422 where it is none of these."""
    text = given.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and 1 <= int(text) <= most):
        raise malformed(name, f"It must be a whole number from 1 to {most}.")
    return int(text)
