"""Who sees what of the shop: a user their own, everybody what is for sale, by every way in."""

import psycopg
import pytest

from tests.deployment import Deployment
from tests.ledger_in_sql import Ledger, code, done
from tests.psql import Psql
from tests.sale import BOOSTER, Sale, new_user
from tests.shop import claim, claimed, sold
from tests.store import digest
from tests.ways import ANON, SERVICE, Answer, Caller, Way, user

pytestmark = pytest.mark.postgres_versions("15", "18")

OWN = ("user_wallet_balances", "purchase_claims", "claims_over_cap", "booster_changes")
WINDOW = ("skus", "sku_caps", "store_config")
# What the store tells of a purchase is between it and us.
SERVICES = (
    "audit_purchases",
    "purchase_transfers",
    "claim_queue",
    "store_config_changes",
    "function_metrics",
    "user_time_zones",
    "v_claim_conflicts_rolling",
)


class Counter:
    """Two users who have claimed, boosted, and met a cap; one whose claim waits."""

    def __init__(self, ledger: Ledger) -> None:
        self.a, self.b = new_user(), new_user()
        for who in (self.a, self.b):
            claimed(ledger, who)
            claimed(ledger, who, BOOSTER)
            assert code(claim(ledger, sold(ledger, who))) == "CAP_EXCEEDED"
        done(claim(ledger, Sale(self.b), accepted=True))


@pytest.fixture
def counter(deployment: Deployment, way: Way, postgres_version: str) -> Counter:
    return Counter(Ledger(deployment.database))


async def test_a_user_reads_only_their_own(counter: Counter, way: Way) -> None:
    for who in (counter.a, counter.b):
        for table in OWN:
            seen = rows(await way.read(user(who), table))
            assert {row["user_id"] for row in seen} == {who}, table
        assert len(rows(await way.read(user(who), "purchase_claims"))) == 2
    for table in OWN:
        assert rows(await way.read(user(new_user()), table)) == []


async def test_a_name_that_a_user_gives_themselves_opens_nothing(
    counter: Counter, way: Way
) -> None:
    wishful = user(counter.a, user_metadata={"sub": counter.b}, user_id=counter.b)

    for table in OWN:
        seen = rows(await way.read(wishful, table))
        assert {row["user_id"] for row in seen} == {counter.a}, table


async def test_everybody_reads_what_is_for_sale_and_how_the_shop_stands(
    counter: Counter, way: Way
) -> None:
    for who in (ANON, user(counter.a), SERVICE):
        for table in WINDOW:
            assert rows(await way.read(who, table)), table
        switches = {row["key"] for row in rows(await way.read(who, "store_config"))}
        assert {"sku_enabled", "claims_mode", "status_message"} <= switches


async def test_nobody_but_the_service_reads_the_rest(counter: Counter, way: Way) -> None:
    for table in SERVICES:
        for who in (ANON, user(counter.b)):
            answer = await way.read(who, table)
            assert answer.code == "42501", (table, answer)
        assert (await way.read(SERVICE, table)).code == "done", table
    for table in OWN:
        assert (await way.read(ANON, table)).code == "42501", table
        owners = {row["user_id"] for row in rows(await way.read(SERVICE, table))}
        assert {counter.a, counter.b} <= owners, table


async def test_clients_write_nothing_and_call_nothing(
    counter: Counter, deployment: Deployment, admin: psycopg.Connection
) -> None:
    psql, thief, victim = Psql(deployment.database), counter.a, counter.b
    statements = [
        *(f"DELETE FROM public.{table}" for table in OWN + WINDOW + SERVICES[:-1]),
        "UPDATE public.user_wallet_balances SET streakshield_count = 9",
        "UPDATE public.user_wallet_balances SET xp_booster_until = now() + interval '1 year'",
        f"INSERT INTO public.user_wallet_balances (user_id) VALUES ('{new_user()}')",
        f"INSERT INTO public.purchase_claims (tx_id, user_id, sku) VALUES ('t', '{thief}', 's')",
        f"UPDATE public.purchase_claims SET user_id = '{thief}'",
        "UPDATE public.purchase_claims SET status = 'recorded'",
        f"INSERT INTO public.audit_purchases (tx_id, user_id, sku, status) VALUES ('t', '{thief}',"
        " 'consumable_streakshield_1', 'NON_RENEWING_PURCHASE')",
        f"UPDATE public.audit_purchases SET user_id = '{thief}' WHERE user_id = '{victim}'",
        "INSERT INTO public.claim_queue (user_id, sku, tx_id, waits_for, actor, received_at)"
        f" VALUES ('{thief}', 's', 't', 'opening', 'x', now())",
        f"INSERT INTO public.user_time_zones VALUES ('{thief}', 'Pacific/Apia')",
        "UPDATE public.sku_caps SET allowed = 1000",
        "UPDATE public.skus SET amount = 1000",
        "UPDATE public.store_config SET value = '{}' WHERE key = 'sku_enabled'",
        "INSERT INTO public.function_metrics VALUES ('claim', now(), 200, 1, NULL)",
        "SELECT * FROM public.check_wallet_integrity()",
        "SELECT bursar.claim_purchase('[]')",
        "SELECT bursar.take_store_event('[]')",
        "SELECT bursar.use_item('[]')",
        f"SELECT bursar.read_shop('{victim}')",
        "SELECT bursar.set_store_config('claims_mode', '{}', 'me', 'fun')",
    ]
    before = digest(admin)

    for who in (user(thief), ANON):
        answers = await psql.type(who, statements)
        assert [answer.code for answer in answers] == ["42501"] * len(statements)

    assert digest(admin) == before


async def test_what_is_written_down_stays_whoever_asks(
    counter: Counter, deployment: Deployment, admin: psycopg.Connection
) -> None:
    """The service and operators may not change it by their rights, nor the owner by the trigger."""
    psql = Psql(deployment.database)
    statements = [
        f"{change} public.{table}{rest}"
        for table, column in (
            ("booster_changes", "until_after = NULL"),
            ("purchase_transfers", "to_user_id = from_user_id"),
            ("store_config_changes", "actor = 'nobody'"),
        )
        for change, rest in (("UPDATE", f" SET {column}"), ("DELETE FROM", ""), ("TRUNCATE", ""))
    ]
    statements += ["UPDATE bursar.inbox SET status = 'done'", "DELETE FROM bursar.inbox"]
    before = digest(admin)

    for who in (SERVICE, Caller("bursar_operator")):
        answers = await psql.type(who, statements)
        assert [answer.code for answer in answers] == ["42501"] * len(statements)
    for statement in statements[:-2]:
        with pytest.raises(psycopg.errors.RestrictViolation):
            admin.execute(statement.encode())

    assert digest(admin) == before


def rows(answer: Answer) -> list[dict[str, object]]:
    """The rows of an answer that must be one."""
    assert answer.code == "done", answer
    assert isinstance(answer.body, list)
    return answer.body
