"""What was sold, listed and one by one; an app that is left out says so."""

import re
from collections.abc import Callable
from html import unescape

from bursar.console.conftest import Desk
from bursar.ops import migrate
from tests import market, shop, studio
from tests.ledger_in_sql import Ledger, done
from tests.sale import new_user
from tests.store import new_id, reward

_EARLIER = re.compile(r'href="\.\./(console/\w+\?[^"]+)" rel="next"')
_SHOWN = re.compile(r'class="stretched" href="\.\./console/\w+\?(?:id|purchase|claim|job)=([^"]+)"')
LISTS = ("purchases", "purchases?of=leads", "claims", "jobs")


def _bought(ledger: Ledger, buyer: str, price: int = 1) -> int:
    bought = ledger.one(
        "purchase_reward",
        caller={"role": "service_role"},
        collector_id=buyer,
        reward_id=reward(ledger.admin, price, creator_id=new_id()),
    )
    return int(done(bought)["transaction_id"])


async def _turn_pages(desk: Desk, path: str, sell: Callable[[], object]) -> list[str]:
    """What is on each page, in order; between two pages more is sold."""
    await desk.look(path)
    seen: list[str] = _SHOWN.findall(desk.page)
    while earlier := _EARLIER.search(desk.page):
        sell()
        await desk.look("/" + unescape(earlier[1]))
        seen += _SHOWN.findall(desk.page)
    return seen


async def test_each_list_says_what_would_be_in_it(desk: Desk) -> None:
    await desk.sign_in()
    for path, sentence in zip(
        LISTS,
        ("No reward has been bought", "No lead has", "Nothing has been claimed", "No job has"),
        strict=True,
    ):
        assert sentence in await desk.look(f"/console/{path}")
        assert "There is none like this" in await desk.look(
            f"/console/{path}{'&' if '?' in path else '?'}owner=x%25_'"
        )


async def test_rewards_are_listed_with_what_was_given_back(desk: Desk) -> None:
    ledger = desk.ledger
    buyer = ledger.funded(100)
    kept, given = _bought(ledger, buyer, 7), _bought(ledger, buyer, 9)
    done(ledger.one("refund", transaction_id=given, amount=4))
    _bought(ledger, ledger.funded(5), 5)
    await desk.sign_in()

    said = await desk.look(f"/console/purchases?owner={buyer.upper()}")

    assert _SHOWN.findall(desk.page) == [str(given), str(kept)]
    assert f"9 refunded in part {given}" in said
    assert f"7 paid {kept}" in said


async def test_every_purchase_of_rewards_is_met_once(desk: Desk) -> None:
    ledger = desk.ledger
    buyer, other = ledger.funded(200), ledger.funded(200)
    sold = [_bought(ledger, buyer) for _ in range(60)]
    await desk.sign_in()

    for path in ("/console/purchases", f"/console/purchases?owner={buyer}"):
        before = _bought(ledger, other)
        seen = await _turn_pages(desk, path, lambda: _bought(ledger, other))
        assert [int(one) for one in seen if int(one) <= sold[-1]] == sold[::-1]
        assert len(seen) == len(set(seen))
        assert (str(before) in seen) == ("owner" not in path)


async def test_leads_are_listed_by_workspace_and_status(desk: Desk) -> None:
    ledger = desk.ledger
    buyer = ledger.funded(100, market.ASSET)
    bought = done(market.buy(ledger, buyer, market.leads(ledger.admin, [30, 20])))["purchase_id"]
    reserved = done(market.reserve(ledger, buyer, market.leads(ledger.admin, [40])))["purchase_id"]
    other = ledger.funded(9, market.ASSET)
    done(market.buy(ledger, other, market.leads(ledger.admin, [9])))
    await desk.sign_in()

    for query, expected in (
        (f"owner={buyer}", [reserved, bought]),
        (f"owner={buyer}&status=completed", [bought]),
        ("status=pending", [reserved]),
        ("status=failed", []),
    ):
        said = await desk.look(f"/console/purchases?of=leads&{query}")
        assert _SHOWN.findall(desk.page) == expected, query
        assert ("40 by card pending" in said) == (reserved in expected)
    said = await desk.look(f"/console/purchases?purchase={bought}")
    assert f"Workspace {buyer}" in said
    assert "Price 50 workspace_credit" in said
    assert "30 sold" in said


async def test_what_is_owed_back_to_a_card_is_told(desk: Desk) -> None:
    ledger = desk.ledger
    lead = market.lead(ledger.admin, 40)
    buyer = market.new_id()
    reserved = done(market.reserve(ledger, buyer, [lead]))
    payment = market.Payment(reserved["payment_id"], 40)
    done(market.take(ledger, payment.expired()))
    done(market.buy(ledger, ledger.funded(40, market.ASSET), [lead]))
    done(market.take(ledger, payment.completed()))
    await desk.sign_in()

    said = await desk.look(f"/console/purchases?of=leads&owner={buyer}")
    assert "40 usd" in said
    said = await desk.look(f"/console/purchases?purchase={reserved['purchase_id']}")
    assert "For leads that were gone 40 usd" in said
    assert "Owed back 40 usd, owed , asked for 0 times" in said
    assert payment.intent in said
    found = await desk.look(f"/console/wallets?q={payment.intent}")
    assert "A payment by card, for leads" in found


async def test_every_purchase_of_leads_is_met_once(desk: Desk) -> None:
    ledger = desk.ledger
    buyer = ledger.funded(500, market.ASSET)

    def sell() -> str:
        bought = market.buy(ledger, buyer, market.leads(ledger.admin, [1]))
        return str(done(bought)["purchase_id"])

    sold = [sell() for _ in range(55)]
    # As many at one moment as a batch may bring.
    ledger.admin.execute(
        "UPDATE marketplace_purchases SET created_at = '2026-01-01T00:00:00.1234Z'"
    )
    await desk.sign_in()

    for path in ("/console/purchases?of=leads", f"/console/purchases?of=leads&owner={buyer}"):
        seen = await _turn_pages(desk, path, sell)
        assert sorted(set(seen) & set(sold)) == sorted(sold)
        assert len(seen) == len(set(seen))


async def test_claims_are_listed_and_told_one_by_one(desk: Desk) -> None:
    ledger = desk.ledger
    claimed = shop.claimed(ledger, new_user())
    refunded = shop.claimed(ledger, new_user())
    done(shop.take(ledger, refunded.refund()))
    bought = shop.sold(ledger, new_user())
    await desk.sign_in()

    await desk.look("/console/claims")
    assert _SHOWN.findall(desk.page) == [refunded.tx_id, claimed.tx_id]
    await desk.look(f"/console/claims?status=granted&owner={claimed.user_id}")
    assert _SHOWN.findall(desk.page) == [claimed.tx_id]
    said = await desk.look(f"/console/claims?claim={claimed.tx_id}")
    assert f"Status granted User {claimed.user_id}" in said
    assert "Granted by transaction" in said
    assert "given back by the store" in await desk.look(f"/console/claims?claim={refunded.tx_id}")
    assert "It has not been claimed" in await desk.look(f"/console/claims?claim={bought.tx_id}")
    assert "Nothing is known" in await desk.look("/console/claims?claim=none", 404)


async def test_every_claim_is_met_once(desk: Desk) -> None:
    ledger = desk.ledger
    sku = shop.new_item(ledger.admin)
    user = new_user()
    sold = [shop.claimed(ledger, user, sku).tx_id for _ in range(52)]
    ledger.admin.execute("UPDATE purchase_claims SET claimed_at = '2026-01-01T00:00:00.1234Z'")
    await desk.sign_in()

    for path in ("/console/claims", f"/console/claims?owner={user}"):
        seen = await _turn_pages(desk, path, lambda: shop.claimed(ledger, user, sku))
        assert sorted(set(seen) & set(sold)) == sorted(sold)
        assert len(seen) == len(set(seen))


async def test_jobs_are_listed_with_their_price_and_history(desk: Desk) -> None:
    ledger = desk.ledger
    artist, other = studio.new_artist(ledger, 9), studio.new_artist(ledger)
    waiting, made = (studio.submitted(ledger, artist) for _ in range(2))
    done(studio.end(ledger, made))
    broken = studio.submitted(ledger, other)
    done(studio.end(ledger, broken, "failed", error="The provider <hung up>."))
    await desk.sign_in()

    said = await desk.look("/console/jobs")
    assert _SHOWN.findall(desk.page) == [broken, made, waiting]
    assert "queued 1 1 0" in said
    assert "completed 1 0 1" in said
    assert "refunded 1 0 0" in said
    await desk.look(f"/console/jobs?owner={artist}&status=completed")
    assert _SHOWN.findall(desk.page) == [made]
    said = await desk.look(f"/console/jobs?job={broken}")
    assert "1 credit set aside: 1 given back" in said
    assert f"Refunded 1 credit to user {other}" in said
    assert "a fox" in said
    assert "<hung" not in desk.page
    assert "it waits for a worker" in await desk.look(f"/console/jobs?job={waiting}")
    assert "no job" in await desk.look("/console/jobs?job=x", 404)


async def test_every_job_is_met_once(desk: Desk) -> None:
    ledger = desk.ledger
    artist, other = studio.new_artist(ledger, 200), studio.new_artist(ledger, 200)
    sold = [studio.submitted(ledger, artist) for _ in range(60)]
    await desk.sign_in()

    for path in ("/console/jobs", f"/console/jobs?owner={artist}"):
        seen = await _turn_pages(desk, path, lambda: studio.submitted(ledger, other))
        assert [one for one in seen if one in sold] == sold[::-1]
        assert len(seen) == len(set(seen))


async def test_an_address_that_was_changed_is_refused(desk: Desk) -> None:
    await desk.sign_in()
    for query in (
        "purchases?before=x",
        "purchases?of=leads&before_at=x",
        "purchases?of=leads&before_at=2026-01-01&before_id=x",
        "claims?before_at=yesterday",
        "jobs?before=1%20x",
        "jobs?owner=a&before_at=2026-01-01&before_id=x",
    ):
        said = await desk.look(f"/console/{query}", 422)
        assert "The address has been changed" in said, query


async def test_an_app_that_is_left_out_says_so(desk: Desk) -> None:
    await desk.sign_in()
    owner = desk.ledger.funded(1)
    migrate.down(desk.ledger.database.url, to=1)

    for path in LISTS:
        said = await desk.look(f"/console/{path}")
        assert "This app is not in this database" in said, path
    assert "No owner begins" in await desk.look(f"/console/wallets?q={new_id()}")
    await desk.look(f"/console/wallets?q={owner}")
    await desk.look("/console/transactions")
