"""Transactions: newest first, both sides of each, and what may still be taken back."""

import re
from html import unescape

from bursar.console.conftest import Desk
from tests import market
from tests.grown import tell_what_was_read
from tests.ledger_in_sql import Ledger, done
from tests.store import new_id, reward

_EARLIER = re.compile(r'href="\.\./(console/transactions\?[^"]+)" rel="next"')
_NUMBER = re.compile(r'href="\.\./console/transaction\?id=(\d+)"')


def _charged(ledger: Ledger, amount: int = 60, **fields: object) -> int:
    """A charge of somebody new, who had 100."""
    owner = ledger.funded(100)
    spent = done(ledger.one("spend", owner_id=owner, asset="credit", amount=amount, **fields))
    return int(spent["transaction_id"])


def _owner_of(ledger: Ledger, transaction_id: int) -> str:
    owner: str = ledger.value(
        "SELECT owner_id FROM bursar.transaction WHERE id = %s", transaction_id
    )
    return owner


def _bought(ledger: Ledger, price: int) -> tuple[int, str]:
    """A reward that somebody with 100 has bought: the transaction, and who was paid."""
    buyer, seller = ledger.funded(100), new_id()
    bought = ledger.one(
        "purchase_reward",
        caller={"role": "service_role"},
        collector_id=buyer,
        reward_id=reward(ledger.admin, price, creator_id=seller),
    )
    return int(done(bought)["transaction_id"]), seller


async def test_the_newest_transactions_come_first_and_none_twice_while_more_arrive(
    desk: Desk,
) -> None:
    await desk.sign_in()
    assert "Nothing has happened yet" in await desk.look("/console/transactions")
    owner = desk.ledger.funded(1)
    requests = [{"owner_id": owner, "asset": "credit", "amount": 1}] * 120
    desk.ledger.ask("grant", requests)
    numbers = [number for (number,) in desk.ledger.rows("SELECT id FROM bursar.transaction")]

    await desk.look("/console/transactions")
    seen = _NUMBER.findall(desk.page)
    while earlier := _EARLIER.search(desk.page):
        desk.ledger.ask("grant", requests[:9])
        await desk.look("/" + unescape(earlier[1]))
        seen += _NUMBER.findall(desk.page)

    assert [int(number) for number in seen] == sorted(numbers, reverse=True)


async def test_one_verb_is_found_among_many_others(desk: Desk) -> None:
    rare = _charged(desk.ledger, reason="an order")
    owner = desk.ledger.funded(1)
    desk.ledger.ask("grant", [{"owner_id": owner, "asset": "credit", "amount": 1}] * 60)
    await desk.sign_in()

    said = await desk.look("/console/transactions?verb=spend")

    assert _NUMBER.findall(desk.page) == [str(rare)]
    assert "an order" in said
    assert "no transaction of this verb" in await desk.look("/console/transactions?verb=x%25_'")


async def test_a_rare_verb_is_looked_for_in_parts(desk: Desk) -> None:
    rare = _charged(desk.ledger)
    _fill(desk.ledger, 5_000)
    await desk.sign_in()

    said = await desk.look("/console/transactions?verb=spend")

    assert "None among the 5,000 transactions looked through" in said
    earlier = _EARLIER.search(desk.page)
    assert earlier
    await desk.look("/" + unescape(earlier[1]))
    assert _NUMBER.findall(desk.page) == [str(rare)]


async def test_a_transaction_shows_both_sides_and_what_corrects_it(desk: Desk) -> None:
    ledger = desk.ledger
    charged = _charged(ledger, metadata={"order": 12, "note": "<b>"}, reason="an order", actor="a")
    owner = _owner_of(ledger, charged)
    refunded = done(ledger.one("refund", transaction_id=charged, amount=20))["transaction_id"]
    await desk.sign_in()

    said = await desk.look(f"/console/transaction?id={charged}")

    assert f"Transaction {charged} spend, 60 credit" in said
    assert "credit used −60 40 system:revenue credit used +60" in said
    assert f"Owner {owner} Reason an order By a" in said
    assert f"It is corrected by transaction {refunded}" in said
    assert "Refunded so far 20 of 60" in said
    assert '"note": "<b>"' in said
    assert f"console/wallet?owner_id={owner}&amp;asset=credit" in desk.page
    said = await desk.look(f"/console/transaction?id={refunded}")
    assert f"It corrects transaction {charged}" in said
    assert "It cannot be refunded" in said
    assert "console/do/refund" not in desk.page


async def test_there_is_no_such_transaction(desk: Desk) -> None:
    await desk.sign_in()
    for query in ("", "?id=999999999"):
        assert "no transaction" in await desk.look(f"/console/transaction{query}", 404)
    for query in ("?id=x", "?id=-1", "?id=" + "9" * 19):
        await desk.look(f"/console/transaction{query}", 422)


async def test_a_refund_says_what_goes_back_and_does_it_once(desk: Desk) -> None:
    ledger = desk.ledger
    bought, seller = _bought(ledger, 60)
    buyer = _owner_of(ledger, bought)
    done(ledger.one("spend", owner_id=seller, asset="credit", amount=50))
    await desk.sign_in()
    await desk.look(f"/console/transaction?id={bought}")
    assert f"console/do/refund?transaction_id={bought}" in desk.page

    said = await desk.plan("refund", transaction_id=str(bought), amount="")

    assert f"is a purchase_reward of 60 credit by {buyer}; 0 of it was refunded before" in said
    assert "60 is refunded now, and 0 may still be refunded afterwards" in said
    assert f"{buyer} gets 60 credit" in said
    assert f"{seller} gives 60 credit, and has 10: the 50 that are missing become a debt" in said
    assert "What was bought with it stays where it is" in said
    assert ledger.wallet(buyer) == (40, 0, 0)
    back = await desk.carry_out("refund")
    assert f"console/transaction?id={bought}&done=" in back
    assert ledger.wallet(buyer) == (100, 0, 0)
    assert ledger.wallet(seller) == (0, 0, 50)
    [(command, actor, status, result)] = desk.journal()
    assert (command, actor, status) == ("console refund", "operator:ann", "done")
    assert result.startswith("Refunded 60: transaction ")
    said = await desk.look(f"/{back.lstrip('./')}")
    assert result in said
    assert "All of it was refunded" in said
    ledger.keeps_its_promises()


async def test_a_part_leaves_the_rest_to_be_refunded(desk: Desk) -> None:
    charged = _charged(desk.ledger)
    await desk.sign_in()

    said = await desk.plan("refund", transaction_id=str(charged), amount="25")
    assert "25 is refunded now, and 35 may still be refunded" in said
    assert "system:revenue gives 25 credit." in said
    await desk.carry_out("refund")

    said = await desk.plan("refund", transaction_id=str(charged), amount="")
    assert "25 of it was refunded before. 35 is refunded now" in said
    said = await desk.plan("refund", 422, transaction_id=str(charged), amount="36")
    assert "More would be refunded" in said


async def test_what_cannot_be_refunded_says_why(desk: Desk) -> None:
    ledger = desk.ledger
    owner = ledger.funded(5)
    adjusted = done(ledger.one("adjust", owner_id=owner, asset="credit", amount=3))
    await desk.sign_in()
    for number, amount in (
        (adjusted["transaction_id"], ""),
        (999_999_999, ""),
        ("x", ""),
        (_charged(ledger), "-5"),
    ):
        said = await desk.plan("refund", 422, transaction_id=str(number), amount=amount)
        assert "Refund a transaction" in said, number
        assert 'role="alert"' in desk.page
    assert desk.journal() == []


async def test_a_long_reason_fits_the_ledger(desk: Desk) -> None:
    charged = _charged(desk.ledger)
    await desk.sign_in()
    await desk.plan("refund", transaction_id=str(charged), amount="", reason="y" * 400)
    await desk.carry_out("refund")

    kept = desk.ledger.value("SELECT reason FROM bursar.transaction WHERE verb = 'refund'")

    assert kept == "y" * 200
    [(plan,)] = desk.ledger.rows("SELECT plan FROM bursar.operation")
    assert "y" * 400 in plan[0]


async def test_a_purchase_of_leads_can_be_followed_to_its_transaction(desk: Desk) -> None:
    ledger = desk.ledger
    buyer = ledger.funded(100, market.ASSET)
    bought = done(market.buy(ledger, buyer, market.leads(ledger.admin, [30, 20])))
    await desk.sign_in()

    said = await desk.look(f"/console/transaction?id={bought['transaction_id']}")

    assert "complete_credit_lead_purchase, 50 workspace_credit" in said
    assert "−50" in said


async def test_the_list_does_not_read_the_whole_table(desk: Desk) -> None:
    """At 20,000 transactions, by plans that were made while there was one."""
    ledger = desk.ledger
    _charged(ledger)
    session = ledger.database.connect("service_role")
    session.execute("SET plan_cache_mode = force_generic_plan")
    queries = (
        b"SELECT bursar.list_transactions()",
        b"SELECT bursar.list_transactions('spend')",
        b"SELECT bursar.list_transactions(NULL, 500)",
        b"SELECT bursar.list_reward_purchases()",
        b"SELECT bursar.list_generation_jobs()",
    )
    for query in queries:
        session.execute(query)
    _fill(ledger, 20_000)

    def read() -> int:
        tell_what_was_read(ledger, session)
        rows: int = ledger.value(
            "SELECT sum(seq_tup_read) + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes"
            " WHERE relname = 'transaction') FROM pg_stat_user_tables"
            " WHERE schemaname = 'bursar' AND relname <> 'gate'"
        )
        return int(rows)

    for query, rows_max in zip(queries, (300, 5_400, 300, 11_000, 11_000), strict=True):
        before = read()
        session.execute(query)
        assert read() - before < rows_max, query


def _fill(ledger: Ledger, rows: int) -> None:
    """Write so many grants by strangers, as the ledger would have."""
    ledger.admin.execute(
        "INSERT INTO bursar.transaction (verb, asset, owner_id, amount, reason, actor, created_at)"
        " SELECT 'grant', 'gem', 'owner-' || n, 1, 'growth', 'growth', now()"
        " FROM generate_series(1, %s) AS n",
        [rows],
    )
    ledger.admin.execute("ANALYZE bursar.transaction")
