"""`GET /status`: what operators tell the users of the shop, and what is open and what is not.

It answers also while the database is away: then from memory, and it says so.
"""

import asyncio
import html
import time
from datetime import UTC, datetime
from typing import Any

import msgspec

from bursar.claims.spool import Spool
from bursar.db.end_tasks import end_tasks
from bursar.http.calls import Ledger
from bursar.http.exchange import Answer, Exchange
from bursar.http.pages import read_page
from bursar.http.route import Route

# Anybody may ask, so the database and the spool are asked at most this often.
KEEP_SECONDS = 1.0
TIMEOUT_SECONDS = 2.0
PATIENCE_WHILE_AWAY_SECONDS = 0.2
# Until the database has been asked for the first time, nothing is known.
_NOTHING_KNOWN: dict[str, Any] = {
    "message": "",
    "claims_mode": None,
    "claims_open_percent": None,
    "skus": {},
    "titles": {},
    "waiting_claims": None,
    "waiting_events": None,
}
_AWAY = (
    "away",
    "Part of the service is away. Claims and purchases are accepted and kept safe; they are added"
    " when it is back.",
)
_encode = msgspec.json.Encoder().encode


class ShopStatus:
    """Knows how the shop stands, and shows it. `message` is what was last read of the operators'
    message, without asking for it."""

    def __init__(self, ledger: Ledger, spool: Spool | None) -> None:
        self._ledger = ledger
        self._spool = spool
        self._known: dict[str, Any] = dict(_NOTHING_KNOWN)
        self._known_at: datetime | None = None
        self._asked_at = self._counted_at = -KEEP_SECONDS
        self._away = False
        self._spooled = 0
        self._asking: asyncio.Task[None] | None = None

    @property
    def message(self) -> str:
        """The operators' message as it was last read; empty when there is none."""
        return str(self._known["message"] or "")

    def routes(self) -> list[Route]:
        """Return the one route of this room."""
        return [
            Route(
                "GET",
                "/status",
                self.show,
                "status",
                "open",
                "How the shop stands",
                "The operators' message, whether claims are granted at once, and which products"
                " are off. A page for browsers, JSON for others. While the database is away it"
                ' answers from memory: `database` is then "away" and `as_of` says how old it is.',
                answer={
                    "type": "object",
                    "required": ["message", "claims_mode", "skus_off", "database", "spooled"],
                    "properties": {
                        "message": {"type": "string"},
                        "claims_mode": {"type": ["string", "null"]},
                        "claims_open_percent": {"type": ["integer", "null"]},
                        "skus": {"type": "object"},
                        "skus_off": {"type": "array", "items": {"type": "string"}},
                        "waiting_claims": {"type": ["integer", "null"]},
                        "waiting_events": {"type": ["integer", "null"]},
                        "spooled": {"type": "integer"},
                        "database": {"type": "string", "enum": ["reachable", "away"]},
                        "as_of": {"type": ["string", "null"]},
                    },
                },
                tags=("Shop",),
            )
        ]

    async def show(self, exchange: Exchange) -> Answer:
        """Answer how the shop stands, as a page where one is wanted."""
        await self.refresh()
        await self._count_spooled()
        headers = [(b"vary", b"Accept"), (b"cache-control", b"no-cache")]
        if "text/html" in exchange.header(b"accept").lower():
            page, policy = self._page()
            headers.append((b"content-type", b"text/html; charset=utf-8"))
            headers.append((b"content-security-policy", policy.encode()))
            return Answer(200, page.encode(), headers)
        return Answer(200, _encode(self._shown()), headers)

    async def refresh(self) -> None:
        """Ask the database, unless that was done a moment ago; remember what it last said.

        While it is away nobody waits for it: what is known is told, and it is asked in the
        background.
        """
        if self._asking is None or self._asking.done():
            if time.monotonic() - self._asked_at < KEEP_SECONDS:
                return
            self._asking = asyncio.get_running_loop().create_task(self._ask(), name="bursar status")
        patience = PATIENCE_WHILE_AWAY_SECONDS if self._away else TIMEOUT_SECONDS * 2
        await asyncio.wait({self._asking}, timeout=patience)

    async def _count_spooled(self) -> None:
        spool, now = self._spool, time.monotonic()
        if spool is not None and now - self._counted_at >= KEEP_SECONDS:
            self._counted_at = now
            self._spooled = 0 if spool.is_empty() else await spool.count()

    async def close(self) -> None:
        """End at once, whatever is being asked."""
        if self._asking is not None:
            await end_tasks(self._asking)

    async def _ask(self) -> None:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                self._known = _NOTHING_KNOWN | await self._ledger.read("read_shop_status")
        except Exception:  # Whatever it is, what is known is told.
            self._away = True
        else:
            self._known_at, self._away = datetime.now(UTC), False
        self._asked_at = time.monotonic()

    def _shown(self) -> dict[str, Any]:
        known = self._known
        shown = {name: known[name] for name in _NOTHING_KNOWN if name != "titles"}
        return {
            **shown,
            "skus_off": sorted(sku for sku, is_on in known["skus"].items() if not is_on),
            "spooled": self._spooled,
            "database": "away" if self._away else "reachable",
            "as_of": self._known_at and self._known_at.isoformat(timespec="seconds"),
        }

    def _page(self) -> tuple[str, str]:
        text, policy = read_page("status.html")
        known, titles = self._known, self._known["titles"]
        state, sentence = _AWAY if self._away else shop_in_words(known)
        products = "".join(
            f"<li><span>{html.escape(titles.get(sku) or sku)}</span>"
            f'<b class="{"on" if is_on else "off"}">{"available" if is_on else "paused"}</b></li>\n'
            for sku, is_on in sorted(known["skus"].items())
        )
        message = f'<p class="message">{html.escape(self.message)}</p>' if self.message else ""
        as_of = self._known_at.strftime("%Y-%m-%d %H:%M:%S UTC") if self._known_at else "never"
        for mark, part in (
            ("message", message),
            ("state", state),
            ("sentence", html.escape(sentence)),
            ("products", products),
            ("as_of", as_of),
        ):
            text = text.replace(f"<!-- {mark} -->", part)
        return text, policy


def shop_in_words(known: dict[str, Any]) -> tuple[str, str]:
    """Return how claims stand, one word that a page is coloured by, and a sentence for users."""
    percent = known["claims_open_percent"]
    if known["claims_mode"] == "queue":
        return "queue", (
            "Claims are accepted and kept safe; they are added when claims are opened again."
        )
    if isinstance(percent, int) and percent < 100:
        return "queue", (
            f"Claims are being opened again step by step: {percent} percent of users so far."
        )
    return "open", "Claims are granted at once."
