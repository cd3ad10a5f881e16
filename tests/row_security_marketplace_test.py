"""Who sees what of the marketplace: a workspace its own, a visitor what is listed, by every way."""

from collections.abc import Callable

import psycopg
import pytest

from tests.deployment import Deployment
from tests.ledger_in_sql import Ledger, done
from tests.market import ASSET, buy, checkout, lead, new_id, take
from tests.psql import Psql
from tests.store import digest
from tests.ways import ANON, SERVICE, Answer, Caller, Way, user

pytestmark = pytest.mark.postgres_versions("15", "18")

OWN = ("workspace_credits", "marketplace_purchases", "marketplace_purchase_items")
SERVICES = ("card_payments", "card_payouts", "card_refunds", "audit_logs", "marketplace_config")
# The three ways in which a token says for which workspace its bearer acts.
MEMBERS: dict[str, Callable[[str], Caller]] = {
    "claim": lambda workspace: user(new_id(), workspace_id=workspace),
    "app_metadata": lambda workspace: user(new_id(), app_metadata={"workspace_id": workspace}),
    "sub": user,
}


class Market:
    """Two workspaces: one bought for credits, the other by card; and leads nobody bought."""

    def __init__(self, ledger: Ledger) -> None:
        self.seller, self.stranger = new_id(), new_id()
        self.a, self.b = ledger.funded(100, ASSET), ledger.funded(100, ASSET)
        sold_to_a, sold_to_b, self.listed, self.unlisted = (
            lead(ledger.admin, 60, seller=self.seller) for _ in range(4)
        )
        bought = done(buy(ledger, self.a, [sold_to_a]))
        payment = checkout(ledger, self.b, [sold_to_b])
        done(take(ledger, payment.completed()))
        self.purchase = {self.a: bought["purchase_id"], self.b: payment.payment_id}
        self.sold = {self.a: sold_to_a, self.b: sold_to_b}
        ledger.admin.execute(
            "UPDATE public.leads SET is_marketplace_listed = false WHERE id = ANY (%s)",
            [[sold_to_a, sold_to_b, self.unlisted]],
        )


@pytest.fixture
def market(deployment: Deployment, way: Way, postgres_version: str) -> Market:
    return Market(Ledger(deployment.database))


@pytest.mark.parametrize("member", MEMBERS)
async def test_a_workspace_reads_only_its_own(market: Market, way: Way, member: str) -> None:
    for workspace in (market.a, market.b):
        me = MEMBERS[member](workspace)

        wallets, purchases, items = [rows(await way.read(me, table)) for table in OWN]

        assert {row["workspace_id"] for row in wallets} == {workspace}
        assert {row["id"] for row in purchases} == {market.purchase[workspace]}
        assert {row["lead_id"] for row in items} == {market.sold[workspace]}


async def test_a_claim_outweighs_app_metadata_and_that_the_subject(
    market: Market, way: Way
) -> None:
    ranked = user(market.a, workspace_id=market.b, app_metadata={"workspace_id": market.a})
    placed = user(market.a, app_metadata={"workspace_id": market.b})
    wishful = user(market.b, user_metadata={"workspace_id": market.a})

    for who in (ranked, placed, wishful):
        seen = rows(await way.read(who, "workspace_credits"))
        assert {row["workspace_id"] for row in seen} == {market.b}


async def test_leads_are_seen_while_listed_and_by_who_sells_or_bought_them(
    market: Market, way: Way
) -> None:
    seen = {
        name: {row["id"] for row in rows(await way.read(who, "leads"))}
        & {*market.sold.values(), market.listed, market.unlisted}
        for name, who in (
            ("visitor", ANON),
            ("stranger", user(market.stranger)),
            ("buyer", user(market.a)),
            ("seller", user(market.seller)),
            ("service", SERVICE),
        )
    }

    everything = {*market.sold.values(), market.listed, market.unlisted}
    assert seen == {
        "visitor": {market.listed},
        "stranger": {market.listed},
        "buyer": {market.listed, market.sold[market.a]},
        "seller": everything,
        "service": everything,
    }


async def test_nobody_but_the_service_reads_payments_and_logs(market: Market, way: Way) -> None:
    for table in SERVICES:
        for who in (ANON, user(market.b)):
            answer = await way.read(who, table)
            assert answer.code == "42501", (table, answer)
    for table in OWN:
        assert (await way.read(ANON, table)).code == "42501", table

    assert market.b in {row["workspace_id"] for row in rows(await way.read(SERVICE, OWN[0]))}
    for table in ("card_payments", "card_payouts"):
        assert market.purchase[market.b] in {
            row.get("payment_id", row.get("id")) for row in rows(await way.read(SERVICE, table))
        }
    assert len(rows(await way.read(SERVICE, "marketplace_config"))) == 1


async def test_the_inbox_is_the_services_alone(market: Market, deployment: Deployment) -> None:
    psql, count = Psql(deployment.database), "SELECT count(*) FROM bursar.inbox"

    codes = {
        who.role: (await psql.type(who, [count]))[0].code
        for who in (ANON, user(market.b), SERVICE, Caller("bursar_operator"))
    }

    assert codes == {
        "anon": "42501",
        "authenticated": "42501",
        "service_role": "done",
        "bursar_operator": "done",
    }


async def test_a_workspace_writes_nothing_but_its_own_leads(
    market: Market, deployment: Deployment, admin: psycopg.Connection
) -> None:
    psql, thief = Psql(deployment.database), market.stranger
    purchase, wanted = market.purchase[market.a], market.listed
    statements = [
        f"UPDATE public.workspace_credits SET balance = 1 WHERE workspace_id = '{thief}'",
        "UPDATE public.workspace_credits SET total_earned = 1, total_used = 1",
        f"INSERT INTO public.workspace_credits (workspace_id, balance) VALUES ('{thief}', 5)",
        f"UPDATE public.marketplace_purchases SET buyer_workspace_id = '{thief}'",
        f"UPDATE public.marketplace_purchase_items SET status = 'sold' WHERE lead_id = '{wanted}'",
        f"INSERT INTO public.marketplace_purchase_items VALUES ('{purchase}', '{wanted}',"
        f" '{thief}', 1, 0, 'sold')",
        "UPDATE public.card_payments SET status = 'paid'",
        "UPDATE public.marketplace_config SET fee_basis_points = 10000",
        "DELETE FROM public.audit_logs",
        "UPDATE bursar.inbox SET status = 'done'",
        f"UPDATE public.leads SET sold_count = 0 WHERE id = '{wanted}'",
        f"UPDATE public.leads SET seller_workspace_id = '{thief}' WHERE id = '{wanted}'",
        f"DELETE FROM public.leads WHERE id = '{wanted}'",
        f"INSERT INTO public.leads (seller_workspace_id, price) VALUES ('{market.a}', 1)",
        f"SELECT public.complete_credit_lead_purchase('{thief}', ARRAY['{wanted}']::uuid[])",
        f"SELECT public.mark_leads_sold_bulk('{purchase}')",
    ]
    before = digest(admin)

    answers = await psql.type(user(thief), statements)
    repriced = await psql.type(user(thief), ["UPDATE public.leads SET price = 1"])

    assert [answer.code for answer in answers] == ["42501"] * len(statements)
    assert repriced[0].code == "done"  # it changed the leads of theirs, of which there are none
    assert digest(admin) == before

    offered = await psql.type(
        user(thief),
        [f"INSERT INTO public.leads (seller_workspace_id, price) VALUES ('{thief}', 9)"],
    )
    assert offered[0].code == "done"


def rows(answer: Answer) -> list[dict[str, object]]:
    """The rows of an answer that must be one."""
    assert answer.code == "done", answer
    assert isinstance(answer.body, list)
    return answer.body
