"""What open consoles are told: at once, when something changes, for one look; and how it ends."""

import asyncio
import json
import time
from typing import Any

from bursar.console.conftest import Desk
from bursar.console.news import News
from tests.patience import PATIENCE_SECONDS, until

EVENTS = {"accept": "text/event-stream"}


class Counting:
    """The ledger, and how often it was asked for what the overview is made of."""

    def __init__(self, ledger: Any) -> None:
        self._ledger = ledger
        self.looks = 0

    async def read(self, function: str, *arguments: str | int | None) -> Any:
        self.looks += function == "read_safety"
        return await self._ledger.read(function, *arguments)


def attend(desk: Desk, interval: float) -> tuple[News, Counting]:
    """Have the app's news come at another pace, and count its looks."""
    ledger = Counting(desk.app.pages.state.ledger)
    made = News(ledger, interval)  # type: ignore[arg-type]  # it reads only
    return desk.app.pages.state.attendants.of(News, lambda: made), ledger


def events_of(text: str) -> list[dict[str, Any]]:
    """The news in a stream."""
    return [
        json.loads(line.removeprefix("data: "))
        for line in text.splitlines()
        if line.startswith("data: ")
    ]


async def test_three_listeners_cost_one_look_an_interval_and_hear_the_same(desk: Desk) -> None:
    await desk.app.open()
    news, ledger = attend(desk, 0.2)
    await desk.sign_in()
    began = time.monotonic()

    listening = [
        asyncio.create_task(desk.client.get("/console/news", headers=EVENTS)) for _ in range(3)
    ]
    await until(lambda: ledger.looks >= 3)
    desk.ledger.admin.execute("SELECT bursar.set_degraded(true, 'a move', 'operator:ann')")
    seen = ledger.looks
    await until(lambda: ledger.looks >= seen + 2)
    lasted = time.monotonic() - began
    desk.app.let_go()
    async with asyncio.timeout(PATIENCE_SECONDS):
        answers = await asyncio.gather(*listening)

    # One look at the beginning, and one an interval: however many listen.
    assert ledger.looks <= lasted / 0.2 + 1
    heard = [events_of(answer.text) for answer in answers]
    for one in heard:
        assert one[0]["degraded"] is False
        assert one[-1]["degraded"] is True
        assert "Changes are paused by operator:ann" in one[-1]["html"]
    assert heard[0] == heard[1] == heard[2]
    assert answers[0].headers["content-type"].startswith("text/event-stream")
    assert news is not None


async def test_nobody_is_looked_for_when_nobody_listens(desk: Desk) -> None:
    await desk.app.open()
    _, ledger = attend(desk, 0.05)
    await desk.sign_in()
    listening = asyncio.create_task(desk.client.get("/console/news", headers=EVENTS))
    await until(lambda: ledger.looks >= 2)
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    await asyncio.sleep(0.2)
    seen = ledger.looks
    await asyncio.sleep(0.3)
    assert ledger.looks == seen


async def test_a_page_without_events_is_told_once(desk: Desk) -> None:
    await desk.sign_in("viewer", "vic")
    answer = await desk.client.get("/console/news")
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json()["sentence"].startswith(("Yes", "No", "Not known"))


async def test_a_stranger_hears_nothing(desk: Desk) -> None:
    answer = await desk.client.get("/console/news", headers=EVENTS)
    assert (answer.status_code, answer.text) == (303, "")


async def test_closing_the_app_ends_the_streams(desk: Desk) -> None:
    await desk.sign_in()
    listening = asyncio.create_task(desk.client.get("/console/news", headers=EVENTS))
    attendants = desk.app.pages.state.attendants
    await until(lambda: News in attendants._known)
    news = attendants.of(News, lambda: News(desk.app._ledger))
    # It has been told how things stand, and waits for what changes.
    await until(lambda: bool(news._mark))
    async with asyncio.timeout(PATIENCE_SECONDS):
        await desk.app.close()
        answer = await listening
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"


class Away:
    """A ledger whose database is away."""

    async def read(self, function: str, *arguments: str | int | None) -> Any:
        raise OSError(f"There is nobody to ask {function}.")


async def test_while_the_database_is_silent_nobody_knows_whether_changes_are_paused() -> None:
    told = json.loads(await News(Away()).told())  # type: ignore[arg-type]  # it reads only

    assert told["degraded"] is None
    assert told["sentence"] == "Not known, because the database does not answer."
