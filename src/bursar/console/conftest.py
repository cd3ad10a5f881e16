"""What the console's tests share: the console on a database of its own, and who works at it."""

import contextlib
import re
from collections.abc import AsyncIterator
from html import unescape
from typing import Any

import httpx
import pytest

from bursar.console import news
from bursar.console.routes import console_routes
from bursar.db.scratch import ScratchDatabase
from bursar.http.app import Bursar, create_app
from bursar.http.auth import mint
from bursar.settings import Settings
from tests.ledger_in_sql import Ledger
from tests.patience import PATIENCE_SECONDS, be_patient

SECRET = "a secret that only these tests know, of forty"
_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    be_patient(monkeypatch)
    monkeypatch.setattr(news, "LOOK_SECONDS_MAX", PATIENCE_SECONDS)


class Desk:
    """Somebody at the console: a browser's cookies, and the page that was seen last."""

    def __init__(self, app: Bursar, ledger: Ledger) -> None:
        self.app = app
        self.ledger = ledger
        self.client = self.browser()
        self.page = ""

    def browser(self) -> httpx.AsyncClient:
        """A browser without cookies."""
        transport = httpx.ASGITransport(app=self.app)
        return httpx.AsyncClient(transport=transport, base_url="http://bursar")

    async def sign_in(self, role: str = "operator", name: str = "ann") -> "Desk":
        token = mint(role, name, SECRET, 600)
        answer = await self.client.post("/console/sign-in", data={"token": token})
        assert answer.status_code == 303, answer.text
        return self

    async def look(self, path: str, status: int = 200) -> str:
        """Open a page; what it says, without its tags, is answered."""
        answer = await self.client.get(path)
        assert answer.status_code == status, (answer.status_code, answer.text[:2000])
        self.page = answer.text
        return words_of(answer.text)

    @property
    def csrf(self) -> str:
        return self.hidden["csrf"]

    @property
    def hidden(self) -> dict[str, str]:
        """The hidden fields of the page's last form, and of those before it."""
        return {name: unescape(value) for name, value in _HIDDEN.findall(self.page)}

    async def plan(self, task: str, status: int = 200, **values: Any) -> str:
        """Fill a task's form in and ask for its plan."""
        await self.look(f"/console/do/{task}")
        fields = {"reason": "a ticket", **values, "csrf": self.csrf, "step": "plan"}
        return await self._send(task, fields, status)

    async def carry_out(self, task: str, status: int = 303, **more: str) -> str:
        """Carry the plan out that is on the page."""
        return await self._send(task, self.hidden | more, status)

    async def _send(self, task: str, fields: dict[str, Any], status: int) -> str:
        answer = await self.client.post(f"/console/do/{task}", data=fields)
        assert answer.status_code == status, (answer.status_code, answer.text[:2000])
        if status == 303:
            return str(answer.headers["location"])
        self.page = answer.text
        return words_of(answer.text)

    def journal(self) -> list[tuple[Any, ...]]:
        """Command, actor, status and result of the operations, in order."""
        return self.ledger.rows(
            "SELECT command, actor, status, result FROM bursar.operation ORDER BY started_at"
        )


def words_of(page: str) -> str:
    """What a page says, without its tags."""
    main = page.partition("<main")[2].partition("</main>")[0]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main.partition(">")[2])).split())


@contextlib.asynccontextmanager
async def desk_of(database: ScratchDatabase, **more: Any) -> AsyncIterator[Desk]:
    """The console of a service with settings of its own."""
    chosen: dict[str, Any] = {
        "jwt_secret": SECRET,
        "database_url": database.service_url,
        "log_level": "error",
        # A worker's round is a writer inside the gate as well.
        "worker_interval_ms": 3_600_000,
    }
    settings = Settings(**(chosen | more))
    app = create_app(None, settings, route_handlers=console_routes(settings))
    made = Desk(app, Ledger(database))
    try:
        yield made
    finally:
        await made.client.aclose()
        await app.close()


@pytest.fixture
async def desk(database: ScratchDatabase) -> AsyncIterator[Desk]:
    """The console, and a browser that nobody has signed in with."""
    async with desk_of(database) as made:
        yield made
