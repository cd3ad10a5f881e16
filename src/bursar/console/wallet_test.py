"""A wallet's page says why its balance is what it is, and when something does not agree."""

import json
import re
import uuid
from collections.abc import Iterator
from html import unescape

import pytest

from bursar.console import wallet as wallet_page
from bursar.console.conftest import Desk
from bursar.db.embedded import Cluster
from bursar.db.scratch import ScratchDatabase, scratch_database
from tests.ledger_in_sql import Ledger, done

_EARLIER = re.compile(r'href="\.\./(console/wallet\?[^"]+)" rel="next"')
_POINTS = re.compile(r'data-points="([^"]+)"')
_AMOUNTS = re.compile(r'<td class="amount"><span(?: class="rise")?>([+−]\d+)</span></td>')


@pytest.fixture(scope="module")
def database(cluster: Cluster, template: str) -> Iterator[ScratchDatabase]:
    """One for all tests of this file: each looks at wallets of its own."""
    with scratch_database(cluster, template) as made:
        yield made


def _at(owner: str, asset: str = "credit", more: str = "") -> str:
    return f"/console/wallet?owner_id={owner}&asset={asset}{more}"


def _points(desk: Desk) -> list[list[float]]:
    found = _POINTS.search(desk.page)
    assert found
    points: list[list[float]] = json.loads(unescape(found[1]))
    return points


def _spent(ledger: Ledger, owner: str, amount: int) -> None:
    done(ledger.one("spend", owner_id=owner, asset="credit", amount=amount, reason="an order"))


async def test_why_is_this_balance_40(desk: Desk) -> None:
    owner = desk.ledger.funded(100)
    _spent(desk.ledger, owner, 60)
    done(desk.ledger.one("hold", owner_id=owner, asset="credit", amount=15, reason="a job"))
    await desk.sign_in()

    said = await desk.look(_at(owner))

    assert said.startswith(f"Why is this balance 40? {owner} Balance 40 credit")
    assert "Available 25 Held 15 Owed 0 Status open Entries 2" in said
    assert "Its 2 entries add up to 40 credit: 100 came in and 60 went out." in said
    assert "+100 credit came in by grant." in said
    assert "−60 credit went out by spend." in said
    assert "1 open hold sets 15 aside, so 25 can be spent." in said
    assert "All of it agrees" in said
    assert "a job 15 15" in said
    assert "the last is 40 credit" in said
    assert _points(desk)[1] == [100, 40]
    assert "spend −60 40 an order system:revenue" in said


async def test_a_debt_is_told(desk: Desk) -> None:
    owner = desk.ledger.funded(10)
    done(
        desk.ledger.one(
            "adjust", owner_id=owner, asset="credit", amount=-25, shortfall="debt", reason="x"
        )
    )
    await desk.sign_in()

    said = await desk.look(_at(owner))

    assert "Owed 15" in said
    assert "It owes 15" in said
    assert "All of it agrees" in said


async def test_what_does_not_agree_is_said(desk: Desk) -> None:
    owner = desk.ledger.funded(100)
    admin = desk.ledger.admin
    with admin.transaction():
        admin.execute("SET LOCAL session_replication_role = replica")
        admin.execute("UPDATE user_credits SET balance = 140 WHERE user_id = %s", [owner])
    await desk.sign_in()

    said = await desk.look(_at(owner))

    assert "Something does not agree" in said
    assert "The entries add up to 100, but the wallet says 140." in said
    assert "All of it agrees" not in said


async def test_operators_are_led_to_the_tasks_and_viewers_are_not(desk: Desk) -> None:
    owner = desk.ledger.funded(5)
    await desk.sign_in()
    for task, filled in (("adjust", ""), ("freeze", "&amp;wallet_status=frozen")):
        await desk.look(_at(owner))
        link = f"console/do/{task}?owner_id={owner}&amp;asset=credit{filled}"
        assert link in desk.page
        await desk.look("/" + unescape(link))
        assert f'value="{owner}"' in desk.page
    desk.client = desk.browser()
    await desk.sign_in("viewer", "vic")
    await desk.look(_at(owner))
    assert "console/do/" not in desk.page


async def test_a_statement_is_turned_over_without_gaps_while_entries_arrive(desk: Desk) -> None:
    owner = desk.ledger.funded(1)
    for amount in range(2, 121):
        done(desk.ledger.one("grant", owner_id=owner, asset="credit", amount=amount))
    await desk.sign_in()

    await desk.look(_at(owner))
    seen = _AMOUNTS.findall(desk.page)
    assert len(seen) == 50
    while earlier := _EARLIER.search(desk.page):
        done(desk.ledger.one("grant", owner_id=owner, asset="credit", amount=999))
        await desk.look("/" + unescape(earlier[1]))
        seen += _AMOUNTS.findall(desk.page)

    assert seen == [f"+{amount}" for amount in range(120, 0, -1)]


async def test_a_wallet_of_very_many_entries_is_added_up_when_asked(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = desk.ledger.funded(100)
    _spent(desk.ledger, owner, 1)
    await desk.sign_in()
    monkeypatch.setattr(wallet_page, "EXPLAINED_ENTRIES_MAX", 1)

    said = await desk.look(_at(owner))
    assert "All of it agrees" not in said
    assert "Add them up" in said
    assert "All of it agrees" in await desk.look(_at(owner, more="&explain=yes"))


async def test_a_wallet_in_which_nothing_moved_says_so(desk: Desk) -> None:
    owner = str(uuid.uuid4())
    desk.ledger.admin.execute("INSERT INTO user_credits (user_id) VALUES (%s)", [owner])
    await desk.sign_in()

    said = await desk.look(_at(owner))

    assert "it has no entries" in said
    assert "Nothing has moved here" in said


async def test_there_is_no_such_wallet(desk: Desk) -> None:
    await desk.sign_in()
    for path in ("/console/wallet", _at("nobody"), _at("x" * 36, "nothing")):
        assert "There is no wallet" in await desk.look(path, 404)
    await desk.look(_at(desk.ledger.funded(1), more="&before=-1"), 422)


async def test_names_that_are_markup_are_shown_as_they_are(desk: Desk) -> None:
    desk.ledger.register_gem()
    owner = "<img src=x>'\""
    done(desk.ledger.one("grant", owner_id=owner, asset="gem", amount=1, reason="<i>why</i>"))
    await desk.sign_in()

    said = await desk.look("/console/wallet?owner_id=%3Cimg%20src%3Dx%3E%27%22&asset=gem")

    assert owner in said
    assert "<i>why</i>" in said
    assert "<img" not in desk.page
