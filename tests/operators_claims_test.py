"""The queries of docs/claims.md, executed from the page as they stand, on a shop with customers."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.ledger_in_sql import Ledger, code, done
from tests.sale import BOOSTER, SHIELD, Sale
from tests.shop import SERVICE, claim, claimed, sold, wallet

pytestmark = pytest.mark.postgres_versions("15", "18")

PAGE = Path(__file__).parents[1] / "docs" / "claims.md"
# Only who owns the tables makes new ones beside them, and reads what they copied.
BY_OWNER = ("A copy of the wallets", "Indexes", "Bringing wallets back from a copy")
USER = "user-42"


def blocks_of_the_page() -> list[tuple[str, str]]:
    """Each statement or few of the page, below its heading, in order."""
    found = []
    for section in PAGE.read_text("utf-8").split("\n### ")[1:]:
        heading = section.splitlines()[0]
        found += [(heading, sql) for sql in re.findall(r"^```sql\n(.*?)^```", section, re.M | re.S)]
    return found


@dataclass
class Operator:
    """Somebody at psql, with the page in front of them."""

    ledger: Ledger
    role: str

    def types(self, heading: str, place: int = 0) -> list[tuple[Any, ...]]:
        """Run one block of the page; the rows of its last statement are answered."""
        texts = [sql for title, sql in blocks_of_the_page() if title == heading]
        role = None if heading in BY_OWNER else self.role
        cursor = self.ledger.database.connect(role).execute(texts[place].encode())
        while cursor.nextset():
            pass
        return cursor.fetchall() if cursor.description else []


@pytest.fixture(params=["bursar_operator", "service_role"])
def operator(request: pytest.FixtureRequest, ledger: Ledger) -> Operator:
    ledger.admin.execute("DROP TABLE IF EXISTS user_wallet_balances_backup")
    return Operator(ledger, request.param)


def customer(ledger: Ledger) -> str:
    """A regular customer: three boosters, a shield that was used, one over its cap."""
    for _ in range(3):
        claimed(ledger, USER, BOOSTER)
    claimed(ledger, USER, SHIELD)
    done(ledger.one("use_item", user_id=USER, caller=SERVICE))
    code(claim(ledger, sold(ledger, USER)))
    return USER


@pytest.fixture(scope="module")
def shop(ledger: Ledger) -> str:
    """A shop with a few customers; the id of one that operators look at is answered."""
    claimed(ledger)
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    calls = [(200, 10.0, None), (409, 20.5, "cap_exceeded"), (500, 100.0, "internal_error")]
    ledger.value(
        "SELECT bursar.record_function_metrics(%s)",
        Jsonb(
            [
                {
                    "function_name": "claim",
                    "at": hour.isoformat(),
                    "status_code": status,
                    "duration_ms": duration,
                    "error_code": error,
                }
                for status, duration, error in calls
            ]
        ),
    )
    return customer(ledger)


def test_every_block_of_the_page_runs_in_order(operator: Operator, shop: str) -> None:
    blocks = blocks_of_the_page()
    headings = [heading for heading, _ in blocks]
    operator.ledger.admin.execute("DELETE FROM purchase_claims WHERE tx_id = '2000000123456789'")

    for n, (heading, _) in enumerate(blocks):
        operator.types(heading, headings[:n].count(heading))

    assert len(blocks) >= 20
    assert operator.types("Wallets against claims") == []
    operator.ledger.keeps_its_promises()


def test_wallets_are_compared_with_claims(operator: Operator, shop: str) -> None:
    # Used shields are no finding, but for the older form, which knows nothing of uses.
    user = claimed(operator.ledger).user_id
    done(operator.ledger.one("use_item", user_id=user, caller=SERVICE))
    assert user not in [row[0] for row in operator.types("Wallets against claims")]
    assert (user, 0, 1) in operator.types("Wallets against claims", 1)

    operator.ledger.admin.execute(
        "UPDATE user_wallet_balances SET streakshield_count = 9 WHERE user_id = %s", [user]
    )
    assert (user, 9, 0) in operator.types("Wallets against claims")
    operator.types("Recalculating all wallets")
    assert operator.types("Wallets against claims") == []
    assert wallet(operator.ledger, user)[0] == 0


def test_claims_are_looked_at_by_user_and_hour(operator: Operator, shop: str) -> None:
    assert (shop, BOOSTER, 3) in [row[:3] for row in operator.types("Frequent claimants")]
    by_hour = {(row[0], row[1]): row[2] for row in operator.types("Claims by hour")}
    assert sum(count for (_, sku), count in by_hour.items() if sku == BOOSTER) >= 3
    assert operator.types("Claims by user")[0][0] == shop
    [(user, claims, transactions)] = operator.types("Repeated booster claims")
    assert (user, claims, len(transactions)) == (shop, 3, 3)
    recent = operator.types("Recent booster claims")
    assert [row[0] for row in recent] == [shop] * 3
    assert recent == sorted(recent, key=lambda row: row[2], reverse=True)


def test_a_users_history_is_joined_with_their_purchases(operator: Operator, shop: str) -> None:
    rows = [row for row in operator.types("A user's history") if row[2] != "2000000123456789"]

    assert [(row[1], row[3]) for row in rows] == [(SHIELD, "granted")] + [(BOOSTER, "granted")] * 3
    assert {(row[5], row[6]) for row in rows} == {("NON_RENEWING_PURCHASE", "APP_STORE")}
    assert [row[0] for row in operator.types("Purchases without a claim")].count(shop) == 1


def test_health_and_totals(operator: Operator, shop: str) -> None:
    [(_, calls, errors, conflicts, average)] = operator.types("Health by hour")
    assert (calls, errors, conflicts, str(average)) == (3, 1, 1, "43.50")
    assert operator.types("Health by hour", 1)[0][1:5] == (3, 1, 1, 0)

    [(wallets, shields, running)] = operator.types("Shield and booster totals")
    assert operator.ledger.rows(
        "SELECT count(*), sum(streakshield_count),"
        " sum((coalesce(xp_booster_until > now(), false))::int) FROM user_wallet_balances"
    ) == [(wallets, shields, running)]


def test_a_wallet_is_corrected_and_brought_back_from_a_copy(operator: Operator, shop: str) -> None:
    before = wallet(operator.ledger, shop)
    operator.types("A copy of the wallets")

    operator.types("Correcting a wallet")
    count, until = wallet(operator.ledger, shop)
    assert count == 4
    assert until is not None
    assert abs(until - datetime.now(UTC) - timedelta(days=7)) < timedelta(minutes=1)
    operator.types("Bringing wallets back from a copy")

    assert wallet(operator.ledger, shop) == before
    owner = operator.ledger.value("SELECT session_user")
    actors = [f"sql:{owner}", f"sql:{operator.role}"]
    assert operator.ledger.rows(
        "SELECT t.actor, t.verb, e.amount FROM bursar.entry AS e JOIN bursar.transaction AS t"
        " ON t.id = e.transaction_id WHERE e.owner_id = %s AND e.asset = 'streak_shield'"
        " ORDER BY e.seq DESC LIMIT 2",
        shop,
    ) == [(actors[0], "adjust", before[0] - 4), (actors[1], "adjust", 4 - before[0])]
    assert operator.ledger.rows(
        "SELECT actor, cause FROM booster_changes WHERE user_id = %s ORDER BY seq DESC LIMIT 2",
        shop,
    ) == [(actor, "sql") for actor in actors]
    operator.ledger.keeps_its_promises()


def test_the_usual_pair_is_one_item_and_a_clean_check(operator: Operator, shop: str) -> None:
    operator.ledger.admin.execute("DELETE FROM purchase_claims WHERE tx_id = '2000000123456789'")
    operator.types("Recalculating all wallets")
    before = wallet(operator.ledger, shop)[0]

    operator.types("Recording a claim by hand")

    assert wallet(operator.ledger, shop)[0] == before + 1
    assert operator.types("Wallets against claims") == []
    assert done(claim(operator.ledger, Sale(shop, SHIELD, "2000000123456789")))["replayed"]
    with pytest.raises(psycopg.errors.UniqueViolation):
        operator.types("Recording a claim by hand")


def test_the_switches_hold_from_the_next_claim_on(operator: Operator, shop: str) -> None:
    shield, booster = sold(operator.ledger), sold(operator.ledger, sku=BOOSTER)

    operator.types("Switches")
    assert code(claim(operator.ledger, shield)) == "SKU_DISABLED"
    assert code(claim(operator.ledger, booster)) == "SKU_DISABLED"
    operator.types("Switches", 1)
    done(claim(operator.ledger, shield))
    assert code(claim(operator.ledger, booster)) == "SKU_DISABLED"
    operator.types("Switches", 2)
    done(claim(operator.ledger, booster))

    newest = operator.types("Switches", 3)[0]
    assert (newest[1], newest[4]) == ("sku_enabled", f"sql:{operator.role}")


def test_indexes_are_there_by_the_names_that_operators_use(operator: Operator, shop: str) -> None:
    count = "SELECT count(*) FROM pg_indexes WHERE schemaname = 'public'"
    before = operator.ledger.rows(count)

    operator.types("Indexes")

    assert operator.ledger.rows(count) == before
