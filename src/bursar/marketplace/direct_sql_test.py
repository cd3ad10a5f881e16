"""The functions of schema public: one signature each, for the service, and no strings attached."""

import psycopg
import pytest

from tests.ledger_in_sql import Ledger, done
from tests.market import ASSET, leads, totals

pytestmark = pytest.mark.postgres_versions("15", "18")

# Arguments, and how many of them have a default.
FUNCTIONS = {
    "complete_credit_lead_purchase": (
        "p_buyer_workspace_id uuid, p_lead_ids uuid[], p_expected_prices jsonb,"
        " p_allow_partial boolean",
        2,
    ),
    "complete_stripe_lead_purchase": ("p_purchase_id uuid, p_payment_intent_id text", 0),
    "mark_leads_sold_bulk": ("p_purchase_id uuid", 0),
    "validate_and_lock_leads_for_purchase": (
        "p_buyer_workspace_id uuid, p_lead_ids uuid[], p_expected_prices jsonb,"
        " p_allow_partial boolean, p_reserve_seconds integer",
        3,
    ),
}


def test_each_has_one_signature_and_answers_json(ledger: Ledger) -> None:
    rows = ledger.rows(
        "SELECT proname, pg_get_function_identity_arguments(oid), pronargdefaults,"
        " prorettype::regtype::text, prosecdef FROM pg_proc"
        " WHERE pronamespace = 'public'::regnamespace AND proname = ANY (%s) ORDER BY proname",
        list(FUNCTIONS),
    )

    assert rows == [
        (name, arguments, defaults, "jsonb", True)
        for name, (arguments, defaults) in FUNCTIONS.items()
    ]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_is_for_the_service_alone(ledger: Ledger, name: str) -> None:
    grants = ledger.rows(
        "SELECT coalesce(nullif(a.grantee, 0)::regrole::text, 'PUBLIC') FROM pg_proc AS p"
        " CROSS JOIN LATERAL aclexplode(p.proacl) AS a"
        " WHERE p.pronamespace = 'public'::regnamespace AND p.proname = %s"
        " AND a.grantee <> p.proowner ORDER BY 1",
        name,
    )

    assert grants == [("bursar_service",), ("service_role",)]


def test_each_can_be_dropped_and_nothing_goes_with_it(ledger: Ledger) -> None:
    with psycopg.connect(ledger.database.url) as session:
        for name in FUNCTIONS:
            session.execute(f"DROP FUNCTION public.{name}".encode())
        session.rollback()
    with psycopg.connect(ledger.database.url) as session:
        # Nor is one of them needed by the verb that it calls.
        session.execute("DROP FUNCTION public.complete_credit_lead_purchase")
        row = session.execute(
            "SELECT bursar.complete_credit_lead_purchase('[{}]') -> 0 ->> 'code'"
        ).fetchone()
        session.rollback()
    assert row == ("MALFORMED",)


def test_a_caller_cannot_slip_functions_or_tables_in_between(ledger: Ledger) -> None:
    buyer, cart = ledger.funded(100, ASSET), leads(ledger.admin, [10])
    ledger.admin.execute("CREATE SCHEMA evil")
    ledger.admin.execute("GRANT ALL ON SCHEMA evil TO service_role")
    caller = ledger.database.connect("service_role")
    caller.execute("CREATE TABLE evil.leads (id uuid, seller_workspace_id uuid, price bigint)")
    caller.execute("CREATE TEMP TABLE leads (id uuid, seller_workspace_id uuid, price bigint)")
    caller.execute("CREATE TEMP TABLE entry (n integer)")
    caller.execute(
        "CREATE FUNCTION evil.carry(text, jsonb) RETURNS json LANGUAGE sql AS 'SELECT NULL::json'"
    )
    caller.execute("SET search_path = evil, pg_temp, public, bursar")

    row = caller.execute(
        "SELECT public.complete_credit_lead_purchase(%s, %s::uuid[])", [buyer, cart]
    ).fetchone()

    assert row is not None
    assert done(row[0])["balance"] == 90
    assert totals(ledger, buyer) == (90, 0, 100, 10)


def test_a_refusal_is_an_answer_so_that_what_stood_in_the_way_stays_logged(ledger: Ledger) -> None:
    buyer, cart = ledger.funded(100, ASSET), leads(ledger.admin, [10])
    query = "SELECT public.complete_credit_lead_purchase(%s, %s::uuid[]) ->> 'code'"

    answers = [ledger.caller.execute(query, [buyer, cart]).fetchone() for _ in range(2)]

    assert answers == [(None,), ("PURCHASE_CONFLICT",)]
    assert ledger.rows(
        "SELECT actor, details #>> '{conflicts,0,reason}' FROM public.audit_logs"
        " WHERE workspace_id = %s",
        buyer,
    ) == [("sql:service_role", "already_purchased")]


def test_another_isolation_level_is_told_so(ledger: Ledger) -> None:
    buyer, cart = ledger.funded(100, ASSET), leads(ledger.admin, [10])
    caller = ledger.database.connect("service_role", autocommit=False)
    caller.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ

    with pytest.raises(psycopg.errors.FeatureNotSupported):
        caller.execute("SELECT public.complete_credit_lead_purchase(%s, %s::uuid[])", [buyer, cart])


def test_the_promises_hold(ledger: Ledger) -> None:
    ledger.keeps_its_promises()
