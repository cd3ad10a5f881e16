"""The shop's switches: by plain SQL and by name, who changed them, and who reads them."""

from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.ledger_in_sql import Ledger, code, done
from tests.sale import BOOSTER, SHIELD
from tests.shop import claim, claimed, new_item, sold, switch, switched, take

pytestmark = pytest.mark.postgres_versions("15", "18")

SET = "SELECT bursar.set_store_config(%s, %s, %s, %s)"


def changes(ledger: Ledger, key: str) -> list[tuple[Any, ...]]:
    return ledger.rows(
        "SELECT old_value, new_value, actor, reason FROM public.store_config_changes"
        " WHERE key = %s ORDER BY id DESC",
        key,
    )


@pytest.mark.parametrize(
    ("value", "shield", "booster"),
    [
        ({}, False, False),
        ({SHIELD: False, BOOSTER: True}, False, True),
        ({SHIELD: True}, True, False),
        # What is not said plainly is off.
        ({SHIELD: "true", BOOSTER: 1}, False, False),
        ({SHIELD: None, BOOSTER: [True]}, False, False),
        (None, False, False),
        ([], False, False),
        (True, False, False),
        ("all", False, False),
    ],
)
def test_the_kill_switch_holds_from_the_next_claim_on(
    ledger: Ledger, value: object, shield: bool, booster: bool
) -> None:
    sales = {SHIELD: sold(ledger), BOOSTER: sold(ledger, sku=BOOSTER)}

    with switched(ledger, sku_enabled=value):
        status = ledger.value("SELECT bursar.read_shop_status()")
        for sku, on in ((SHIELD, shield), (BOOSTER, booster)):
            outcome = claim(ledger, sales[sku])
            assert outcome.get("code") == (None if on else "SKU_DISABLED")
            assert status["skus"][sku] is on

    for sale in sales.values():
        done(claim(ledger, sale))


def test_without_the_key_everything_is_off_and_operators_may_override(ledger: Ledger) -> None:
    sale, known = sold(ledger), claimed(ledger)
    before = ledger.value("SELECT value FROM public.store_config WHERE key = 'sku_enabled'")
    ledger.admin.execute("DELETE FROM public.store_config WHERE key = 'sku_enabled'")

    refused = claim(ledger, sale)
    assert code(refused) == "SKU_DISABLED"
    assert refused["details"] == {"sku": SHIELD, "tx_id": sale.tx_id}
    assert done(claim(ledger, known))["replayed"]
    done(claim(ledger, sale, override_reason="Lost in the outage."))
    # What the store tells is taken while nothing may be claimed.
    assert done(take(ledger, known.refund()))["effect"] == "applied"

    ledger.admin.execute(
        "INSERT INTO public.store_config (key, value) VALUES ('sku_enabled', %s)", [Jsonb(before)]
    )
    assert changes(ledger, "sku_enabled")[0][:2] == (None, before)
    assert changes(ledger, "sku_enabled")[1][:2] == (before, None)


def test_a_claim_that_waits_for_its_lock_obeys_the_switch_that_came_meanwhile(
    ledger: Ledger,
) -> None:
    sale = sold(ledger)
    with psycopg.connect(ledger.database.url) as operator:
        operator.execute("UPDATE public.store_config SET value = '{}' WHERE key = 'sku_enabled'")
        # Until the operator commits, the switch is as it was.
        done(claim(ledger, sold(ledger)))
        operator.commit()
        assert code(claim(ledger, sale)) == "SKU_DISABLED"
    switch(ledger, sku_enabled={SHIELD: True, BOOSTER: True})
    done(claim(ledger, sale))


def test_every_change_is_written_down_with_who_and_why(ledger: Ledger) -> None:
    ledger.caller.execute(
        "UPDATE public.store_config SET value = 'true' WHERE key = 'sandbox_claims'"
    )
    assert changes(ledger, "sandbox_claims")[0] == (False, True, "sql:service_role", None)

    [(answer,)] = ledger.caller.execute(
        SET, ["sandbox_claims", Jsonb(False), "op:kim", "The test is over."]
    ).fetchall()

    assert answer == {"key": "sandbox_claims", "before": True, "after": False}
    assert changes(ledger, "sandbox_claims")[0] == (True, False, "op:kim", "The test is over.")
    # Another one by plain SQL is not taken for theirs.
    ledger.caller.execute(
        "UPDATE public.store_config SET value = 'true' WHERE key = 'sandbox_claims'"
    )
    assert changes(ledger, "sandbox_claims")[0][2:] == ("sql:service_role", None)
    switch(ledger, sandbox_claims=False)
    assert changes(ledger, "sandbox_claims")[0][2:] == (
        ledger.value("SELECT 'sql:' || session_user"),
        None,
    )
    # What does not change is no change.
    count = len(changes(ledger, "sandbox_claims"))
    switch(ledger, sandbox_claims=False)
    assert len(changes(ledger, "sandbox_claims")) == count


def test_a_change_by_plain_sql_moves_the_time_of_the_last_change(ledger: Ledger) -> None:
    time = "SELECT updated_at FROM public.store_config WHERE key = 'status_message'"
    before = ledger.value(time)

    with switched(ledger, status_message={"text": "Claims are slow today."}):
        assert ledger.value(time) > before
        status = ledger.value("SELECT bursar.read_shop_status()")

    assert status["message"] == "Claims are slow today."


@pytest.mark.parametrize(
    "arguments",
    [
        ("claims_mode", Jsonb({}), "", "why"),
        ("claims_mode", Jsonb({}), "kim", " "),
        ("claims_mode", Jsonb({}), None, "why"),
        ("claims_mode", Jsonb({}), "kim", None),
        ("claims_mode", None, "kim", "why"),
        (None, Jsonb({}), "kim", "why"),
    ],
)
def test_a_switch_needs_key_value_actor_and_reason(
    ledger: Ledger, arguments: tuple[object, ...]
) -> None:
    before = ledger.value("SELECT count(*) FROM public.store_config_changes")

    [(outcome,)] = ledger.caller.execute(SET, arguments).fetchall()

    assert code(outcome) == "MALFORMED"
    assert ledger.value("SELECT count(*) FROM public.store_config_changes") == before


def test_everybody_reads_the_switches_and_nobody_signed_in_sets_them(ledger: Ledger) -> None:
    for role in ("anon", "authenticated"):
        visitor = ledger.database.connect(role, "ada")
        keys = visitor.execute("SELECT key FROM public.store_config ORDER BY key").fetchall()
        assert ("sku_enabled",) in keys
        for statement in (
            "UPDATE public.store_config SET value = '{}'",
            "INSERT INTO public.store_config VALUES ('x', '{}')",
            "DELETE FROM public.store_config",
            "SELECT * FROM public.store_config_changes",
            "SELECT bursar.set_store_config('a', '{}', 'b', 'c')",
            "SELECT bursar.read_shop_status()",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                visitor.execute(statement)


def test_service_and_operators_see_who_changed_a_switch_and_cannot_unsay_it(
    ledger: Ledger,
) -> None:
    switch(ledger, status_message={"text": "Hello."})
    switch(ledger, status_message={"text": ""})

    rows = ledger.caller.execute("SELECT actor FROM public.store_config_changes").fetchall()

    assert len(rows) >= 2
    for statement in (
        "UPDATE public.store_config_changes SET actor = 'x'",
        "DELETE FROM public.store_config_changes",
        "TRUNCATE public.store_config_changes",
    ):
        with pytest.raises(psycopg.errors.RestrictViolation):
            ledger.admin.execute(statement)


def test_a_new_sku_is_off_until_it_is_switched_on(ledger: Ledger) -> None:
    item = new_item(ledger.admin)
    ledger.admin.execute(
        "UPDATE public.store_config SET value = value - %s WHERE key = 'sku_enabled'", [item]
    )
    sale = sold(ledger, sku=item)

    assert code(claim(ledger, sale)) == "SKU_DISABLED"
    assert ledger.value("SELECT bursar.read_shop_status()")["skus"][item] is False
