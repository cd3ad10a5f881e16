"""What users are told about the shop, by page and by JSON, also while the database is away."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from bursar.http import shop_status
from bursar.http.app import create_app
from bursar.http.conftest import SECRET, Shop, client_of
from bursar.http.shop_status import ShopStatus
from bursar.settings import Settings
from tests.app_store import BOOSTER, SHIELD, Sold
from tests.patience import PATIENCE_SECONDS

PAGE = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture(autouse=True)
def _asked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop_status, "KEEP_SECONDS", 0.0)


async def page_of(client: httpx.AsyncClient) -> str:
    answer = await client.get("/status", headers=PAGE)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert "script-src 'sha256-" in policy
    assert "unsafe" not in policy
    assert answer.headers["vary"] == "Accept"
    assert "<!-- " not in answer.text
    return answer.text


async def test_a_shop_that_is_open_says_so(shop: Shop) -> None:
    answer = await shop.client.get("/status")
    told = answer.json()
    assert answer.status_code == 200
    assert told.pop("as_of") is not None
    assert told == {
        "message": "",
        "claims_mode": "open",
        "claims_open_percent": 100,
        "skus": {SHIELD: True, BOOSTER: True},
        "skus_off": [],
        "waiting_claims": 0,
        "waiting_events": 0,
        "spooled": 0,
        "database": "reachable",
    }
    page = await page_of(shop.client)
    assert "granted at once" in page
    assert page.count(">available<") == 2
    assert "Streak shield" in page


async def test_what_operators_set_is_shown_at_once(shop: Shop) -> None:
    shop.switch("status_message", {"text": "Back at <noon> & not before."})
    shop.switch("sku_enabled", {SHIELD: True})
    shop.switch("claims_mode", {"mode": "queue"})
    await shop.bring(Sold().bought())
    await shop.claim(Sold())
    told = (await shop.client.get("/status")).json()
    assert (told["message"], told["claims_mode"]) == ("Back at <noon> & not before.", "queue")
    assert (told["skus_off"], told["waiting_claims"], told["waiting_events"]) == ([BOOSTER], 1, 1)
    page = await page_of(shop.client)
    assert "Back at &lt;noon&gt; &amp; not before." in page
    assert 'class="state queue"' in page
    assert (page.count(">available<"), page.count(">paused<")) == (1, 1)
    shop.switch("claims_mode", {"mode": "open", "percent": 30})
    assert "30 percent" in await page_of(shop.client)


async def test_switches_of_any_shape_break_no_page(shop: Shop) -> None:
    for key, value in (("status_message", 7), ("claims_mode", []), ("sku_enabled", "all")):
        shop.switch(key, value)
        assert (await shop.client.get("/status")).status_code == 200
        await page_of(shop.client)
    shop.switch("claims_mode", {"mode": "open", "percent": "most"})
    assert "granted at once" in await page_of(shop.client)
    shop.rows("DELETE FROM store_config RETURNING 1")
    assert (await shop.client.get("/status")).json()["skus_off"] == [SHIELD, BOOSTER]


async def test_while_the_database_is_away_it_answers_from_memory(shop: Shop) -> None:
    shop.switch("status_message", {"text": "All is well."})
    before = (await shop.client.get("/status")).json()
    shop.database.connect().execute("ALTER FUNCTION bursar.read_shop_status() RENAME TO gone")
    assert shop.app._spool is not None
    await shop.app._spool.keep("claim", {"tx_id": "1"})

    told = (await shop.client.get("/status")).json()

    assert told == before | {"database": "away", "spooled": 1}
    page = await page_of(shop.client)
    assert "All is well." in page
    assert 'class="state away"' in page
    shop.database.connect().execute("ALTER FUNCTION bursar.gone() RENAME TO read_shop_status")
    # Nobody waits long for it; who asks again finds what was found meanwhile.
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (await shop.client.get("/status")).json()["database"] != "reachable":
            await asyncio.sleep(0.05)


async def test_a_service_that_never_saw_its_database_says_that_it_is_away(tmp_path: Path) -> None:
    settings = Settings(jwt_secret=SECRET, database_url="postgresql://127.0.0.1:1/none")
    app = create_app(None, settings)
    async with client_of(app) as client:
        told = (await client.get("/status")).json()
        assert (told["database"], told["claims_mode"], told["as_of"]) == ("away", None, None)
        assert "As of never" in await page_of(client)
    await app.close()


async def test_many_who_ask_cost_one_question(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop_status, "KEEP_SECONDS", 60.0)
    asked = 0

    class Ledger:
        async def read(self, function: str, *arguments: str | int | None) -> Any:
            nonlocal asked
            asked += 1
            await asyncio.sleep(0.01)
            return {"message": "m"}

    status = ShopStatus(Ledger(), None)  # type: ignore[arg-type]  # it reads only
    await asyncio.gather(*(status.refresh() for _ in range(50)))
    assert (asked, status.message) == (1, "m")
