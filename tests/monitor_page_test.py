"""A served app after some traffic: it counts what the rules ask for, and its worker tells."""

import asyncio
import re
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bursar.db.embedded import Cluster
from bursar.db.scratch import ScratchDatabase, scratch_database
from bursar.http.app import Bursar, create_app
from bursar.ops.monitor.dashboard import dashboard, expressions
from bursar.ops.monitor.promql import alert_of, available, count_of, recorded, value_of
from bursar.ops.monitor.rules import RULES
from bursar.ops.monitor.series import CARD_PURCHASE, OPEN_VERBS
from bursar.settings import Settings
from tests import app_store
from tests.bell import TOKEN, Bell
from tests.deployment import PATIENT, SECRET, Deployment

SECONDS_MAX = 60.0
_METRIC = re.compile(r"\bbursar_[a-z_]+")
_RECORDED = re.compile(r"\bbursar:[a-z_0-9:]+")


@pytest.fixture(scope="module")
def bell() -> Iterator[Bell]:
    with Bell() as listening:
        yield listening


@pytest.fixture(scope="module")
def served(
    cluster: Cluster, template: str, bell: Bell, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    """A server over a database in which one wallet of a hundred is not sound."""
    settings = PATIENT | {
        "alert_webhook": bell.address,
        "worker_interval_ms": "100",
        "revenuecat_authorization": app_store.AUTHORIZATION,
    }
    with scratch_database(cluster, template) as database:
        _spoil_a_wallet(database)
        running = Deployment(database, tmp_path_factory.mktemp("served"), settings).start()
        try:
            _use(running)
            yield running
        finally:
            running.stop()


def _spoil_a_wallet(database: ScratchDatabase) -> None:
    admin = database.connect()
    admin.execute(
        "INSERT INTO public.user_credits (user_id, balance)"
        " SELECT gen_random_uuid(), 5 FROM generate_series(1, 100)"
    )
    admin.execute("ALTER TABLE public.user_credits DISABLE TRIGGER USER")
    admin.execute(
        "UPDATE public.user_credits SET balance = 6"
        " WHERE user_id = (SELECT min(user_id::text)::uuid FROM public.user_credits)"
    )
    admin.execute("ALTER TABLE public.user_credits ENABLE TRIGGER USER")


def _use(served: Deployment) -> None:
    user = app_store.new_user()
    headers = served.headers("service_role")
    body = {"owner_id": user, "asset": "credit", "amount": 5}
    sale = app_store.Sold(user, app_store.SHIELD)
    event = app_store.posted(sale.bought())
    with httpx.Client(base_url=served.url, timeout=30) as client:
        for _ in range(2):
            client.post("/v1/grants", json=body, headers=headers | {"idempotency-key": "k"})
            client.post(app_store.WEBHOOK, **event)
        client.post("/v1/spends", json=body | {"amount": 50}, headers=headers)
        me = served.headers("authenticated", user)
        client.post(app_store.CLAIM, json=sale.claim, headers=me)


def page(served: Deployment) -> dict[tuple[str, str, str], float]:
    """Every sample of /metrics by name, verb and kind."""
    text = httpx.get(f"{served.url}/metrics", timeout=SECONDS_MAX).text
    return {
        (sample.name, sample.labels.get("verb", ""), sample.labels.get("kind", "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def until(what: str, condition: Any) -> None:
    deadline = time.monotonic() + SECONDS_MAX
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def test_every_metric_that_is_used_is_on_the_page(served: Deployment) -> None:
    until(
        "the worker has not looked",
        lambda: (
            ("bursar_wallets_checked", "", "") in page(served)
            and page(served).get(("bursar_heartbeats_total", "", ""), 0) > 0
        ),
    )
    asked = [available(), *expressions()]
    asked += [expression for rule in RULES for expression in (value_of(rule), count_of(rule))]
    used = {name for expression in asked for name in _METRIC.findall(expression)}

    assert len(used) > 12
    assert used - {name for name, _, _ in page(served)} == set()


def test_what_is_recorded_is_what_alerts_and_panels_use() -> None:
    made = {"bursar:available"}
    made |= {recorded(rule, what) for rule in RULES for what in ("value", "count")}
    asked = [*expressions(), *(alert_of(rule) for rule in RULES)]
    used = {name for expression in asked for name in _RECORDED.findall(expression)}

    assert used <= made
    assert len(used) == 1 + 2 * len(RULES)


def test_answers_are_counted_by_kind(served: Deployment) -> None:
    found = page(served)

    assert found["bursar_requests_total", "grant", "done"] == 2
    assert found["bursar_requests_total", "spend", "unaffordable"] == 1
    assert found["bursar_requests_total", "take_store_event", "done"] == 2
    assert found["bursar_replays_total", "take_store_event", ""] == 1
    assert found["bursar_requests_total", "claim_purchase", "done"] == 1


def test_the_worker_tells_of_a_wallet_that_is_not_sound(served: Deployment, bell: Bell) -> None:
    until("nobody was told", lambda: bool(bell.told))

    [told] = bell.told
    assert (told["alert"], told["state"]) == ("data_integrity", "firing")
    assert told["value"] == pytest.approx(100 * (1 - 1 / 101), abs=1)
    assert page(served)["bursar_wallets_broken", "", ""] == 1
    assert TOKEN not in served.log()


def test_what_was_counted_reaches_the_database(served: Deployment) -> None:
    admin = served.database.connect()

    def rows() -> list[tuple[Any, ...]]:
        return admin.execute(
            "SELECT kind, sum(requests), sum(replays) FROM bursar.metric_minute"
            " WHERE verb IN ('take_store_event', 'spend') GROUP BY kind ORDER BY kind"
        ).fetchall()

    until("nothing was recorded", lambda: len(rows()) == 2)
    assert rows() == [("done", 2, 1), ("unaffordable", 1, 0)]
    assert admin.execute("SELECT count(*) > 0 FROM bursar.heartbeat").fetchone() == (True,)


def test_the_open_addresses_are_those_that_rules_leave_out() -> None:
    app = create_app(
        None, Settings(jwt_secret=SECRET), database_url="postgresql://127.0.0.1:1/none"
    )
    routes = app_routes(app)
    asyncio.run(app.close())

    assert {route.verb for route in routes if route.door == "open"} == {*OPEN_VERBS} - {"unmatched"}
    closed = {route.verb for route in routes if route.door != "open"}
    assert closed & {*OPEN_VERBS, CARD_PURCHASE} == set()


def app_routes(app: Bursar) -> Any:
    return app._front._routes.all


def test_the_dashboard_is_one_that_grafana_reads() -> None:
    made = dashboard()

    assert made["schemaVersion"] >= 36
    assert [one["type"] for one in made["templating"]["list"]] == ["datasource"]
    ids = [panel["id"] for panel in made["panels"]]
    assert len(ids) == len(set(ids)) > len(RULES)
    for panel, rule in zip(made["panels"], RULES, strict=False):
        steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        assert rule.limit in [step["value"] for step in steps], rule.name
        assert rule.aim in [step["value"] for step in steps], rule.name
