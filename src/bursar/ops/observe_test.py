"""The service counts minutes and looks at its database; what it writes is what happened."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from bursar.db.embedded import Cluster
from bursar.db.scratch import ScratchDatabase, scratch_database
from tests.ledger_in_sql import Ledger
from tests.patience import PATIENCE_SECONDS, wait_until

USER = "5f0c2c1e-6c0a-4b1f-9a53-3d9f7f0c9d11"


@pytest.fixture
def looked(ledger: Ledger) -> Iterator[Ledger]:
    yield ledger
    ledger.admin.execute(
        "TRUNCATE bursar.metric_minute, bursar.heartbeat, bursar.observation, bursar.alert_event"
    )


@pytest.fixture(scope="module")
def other_apps_left_out(cluster: Cluster) -> Iterator[ScratchDatabase]:
    from bursar.ops.migrate import apply_all

    with scratch_database(cluster) as database:
        apply_all(database.url, rooms=["ledger"])
        yield database


def one(ledger: Ledger, query: str, *values: object) -> Any:
    return ledger.admin.execute(query.encode(), values).fetchall()[0][0]


def observe(ledger: Ledger, seconds: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = ledger.caller.execute(
        "SELECT bursar.observe(%s)", [seconds]
    ).fetchall()[0][0]
    return found


def record(ledger: Ledger, sent: str, *rows: dict[str, Any]) -> None:
    ledger.caller.execute(
        f"SELECT bursar.record_minutes(%s, 'p', {sent})".encode(), [json.dumps(rows)]
    )


ROW = {"verb": "grant", "outcome": "done", "kind": "done", "requests": 2, "replays": 1}
TIMES = {"duration_ms_sum": 5, "duration_ms_max": 4, "buckets": {"5": 2, "+Inf": 0}}


def test_minutes_add_up_and_say_that_the_process_was_there(looked: Ledger) -> None:
    minute = one(looked, "SELECT date_trunc('minute', now())::text")
    for _ in range(2):
        record(looked, "now()", ROW | TIMES | {"minute": minute})

    rows = looked.admin.execute(
        "SELECT minute::text, requests, replays, kind, buckets FROM bursar.metric_minute"
    ).fetchall()
    assert rows == [(minute, 4, 2, "done", {"5": 4, "+Inf": 0})]
    assert one(looked, "SELECT count(DISTINCT process) FROM bursar.heartbeat") == 1


def test_a_process_whose_clock_is_off_counts_in_the_databases_minutes(looked: Ledger) -> None:
    for off in ("3 hours", "-3 hours", "20 seconds"):
        own = one(looked, "SELECT (date_trunc('minute', now() + %s::interval))::text", off)
        record(looked, f"now() + interval '{off}'", ROW | TIMES | {"minute": own})

    spread = "SELECT max(abs(extract(epoch FROM minute - now()))) < 180 FROM bursar.metric_minute"
    assert one(looked, spread) is True


def test_a_wallet_written_past_the_kernel_is_found(looked: Ledger) -> None:
    owner = looked.funded(50)
    sound = observe(looked)["figures"]["wallets"]
    with looked.admin.transaction(force_rollback=True):
        looked.admin.execute("ALTER TABLE public.user_credits DISABLE TRIGGER USER")
        looked.admin.execute(
            "UPDATE public.user_credits SET balance = 51 WHERE user_id::text = %s", [owner]
        )
        broken = one(looked, "SELECT bursar.check_wallets()")

    assert (sound["broken"], sound["negative"]) == (0, 0)
    assert (broken["broken"], broken["checked"]) == (1, sound["checked"])


def test_of_those_who_look_at_once_one_does(looked: Ledger) -> None:
    first = observe(looked, 60)
    again = observe(looked, 60)
    with looked.admin.transaction(force_rollback=True):
        looked.admin.execute("SELECT pg_advisory_xact_lock(hashtextextended('bursar.observe', 0))")
        locked = observe(looked, 0)
    later = observe(looked, 0)

    assert first["observed_at"] == again["observed_at"] == locked["observed_at"]
    assert later["observed_at"] > first["observed_at"]
    assert later["figures"]["checked_at"] == first["figures"]["checked_at"]


def test_wallets_are_checked_seldom_where_that_takes_long(looked: Ledger) -> None:
    observe(looked)
    slow = "jsonb_set(figures, '{wallets,seconds}', '30')"
    ago = "SET observed_at = observed_at - interval '40 minutes', figures = jsonb_set("
    old = "'{checked_at}', to_jsonb(now() - interval '40 minutes'))"
    looked.admin.execute(f"UPDATE bursar.observation {ago}{slow}, {old}".encode())
    kept = observe(looked)["figures"]
    looked.admin.execute(
        "UPDATE bursar.observation SET figures = jsonb_set(figures, '{wallets,seconds}', '3')"
    )
    anew = observe(looked)["figures"]

    assert kept["checked_at"] < anew["checked_at"]


def test_refunds_are_counted_once_each_and_go_on_from_there(looked: Ledger) -> None:
    def happened(what: str, seconds: int) -> None:
        looked.admin.execute(
            "INSERT INTO public.generation_events (user_id, what, message, actor, happened_at)"
            " VALUES (%s, %s, '', 'system', now() - make_interval(secs => %s))",
            [USER, what, seconds],
        )

    happened("refunded", 3600)
    observe(looked)
    looked.admin.execute(
        "UPDATE bursar.observation SET observed_at = observed_at - interval '10 minutes',"
        " figures = jsonb_set(figures, '{counted_until}', to_jsonb(now() - interval '10 minutes'))"
    )
    for what in ("refunded", "refunded", "refund_refused", "completed"):
        happened(what, 300)
    once = observe(looked)["figures"]["refunds"]
    twice = observe(looked)["figures"]["refunds"]

    assert once == {"generation_done": 2, "generation_failed": 1, "card_done": 0}
    assert twice == once
    assert one(looked, "SELECT bursar.look_around()")["refunds"]["generation_done"] == 2


def test_a_session_that_waits_for_a_lock_is_counted(looked: Ledger) -> None:
    def waits() -> int:
        return int(observe(looked)["figures"]["locks"]["waits"])

    second = looked.database.connect()
    assert waits() == 0
    with looked.database.connect().transaction(force_rollback=True) as held:
        held.connection.execute("SELECT pg_advisory_xact_lock(1)")
        second.execute("SET lock_timeout = '600s'")
        asking = threading.Thread(
            target=second.execute, args=["SELECT pg_advisory_xact_lock(1)"], daemon=True
        )
        asking.start()
        wait_until(lambda: waits() == 1)
    asking.join(PATIENCE_SECONDS)


def test_what_waits_is_counted(looked: Ledger) -> None:
    def waiting() -> dict[str, int]:
        found: dict[str, int] = observe(looked)["figures"]["waiting"]
        return found

    before = waiting()
    looked.admin.execute(
        "INSERT INTO public.claim_queue (user_id, sku, tx_id, waits_for, actor, received_at)"
        " VALUES ('ann', 's', 't', 'opening', 'user:ann', now())"
    )
    looked.admin.execute(
        "INSERT INTO bursar.inbox (provider, account, mode, event_id, type, payload, occurred_at,"
        " received_at, status) VALUES ('stripe', '', 'test', 'e1', 't', '{}', now(), now(),"
        " 'waiting'), ('stripe', '', 'test', 'e2', 't', '{}', now(), now(), 'done')"
    )
    assert waiting() == before | {
        "claims": before["claims"] + 1,
        "inbox": before["inbox"] + 1,
    }


def test_what_is_old_is_let_go_and_nothing_else(looked: Ledger) -> None:
    for days, process in ((36, "old"), (34, "young")):
        looked.admin.execute(
            "INSERT INTO bursar.metric_minute (minute, process, verb, outcome)"
            " SELECT now() - make_interval(days => %s), %s, 'grant', n::text"
            " FROM generate_series(1, 5) AS n",
            [days, process],
        )
        looked.admin.execute(
            "INSERT INTO bursar.heartbeat SELECT now() - make_interval(days => %s), %s",
            [days, process],
        )
    swept = [one(looked, "SELECT bursar.expire_metrics(3)") for _ in range(3)]

    assert swept == [4, 2, 0]
    assert one(looked, "SELECT array_agg(DISTINCT process) FROM bursar.metric_minute") == ["young"]
    assert one(looked, "SELECT array_agg(process) FROM bursar.heartbeat") == ["young"]


def test_it_looks_where_only_the_ledger_is(other_apps_left_out: ScratchDatabase) -> None:
    connection = other_apps_left_out.connect()

    seen = connection.execute("SELECT bursar.observe(0)").fetchall()[0][0]

    assert set(seen["figures"]["waiting"].values()) == {0}
    assert seen["figures"]["wallets"]["broken"] == 0
