import json
import uuid
from pathlib import Path

import psycopg
import pytest

from bursar.claims.spool import Spool
from bursar.cli import conftest
from bursar.cli.conftest import run, run_json
from bursar.db.scratch import ScratchDatabase

SHIELD, BOOSTER = "consumable_streakshield_1", "consumable_xp_booster_7d"


@pytest.fixture
def admin(database: ScratchDatabase, monkeypatch: pytest.MonkeyPatch) -> psycopg.Connection:
    """A connection to a database that the commands find in the environment."""
    ours = conftest.environment
    monkeypatch.setattr(
        conftest, "environment", lambda **more: ours(BURSAR_DATABASE_URL=database.url, **more)
    )
    return database.connect()


def bought(admin: psycopg.Connection, user: str, sku: str = SHIELD) -> str:
    """Somebody bought something, by the store's word."""
    tx_id = uuid.uuid4().hex
    admin.execute(
        "INSERT INTO public.audit_purchases (tx_id, user_id, sku, status)"
        " VALUES (%s, %s, %s, 'NON_RENEWING_PURCHASE')",
        [tx_id, user, sku],
    )
    return tx_id


def shields(admin: psycopg.Connection, user: str) -> int | None:
    row = admin.execute(
        "SELECT streakshield_count FROM public.user_wallet_balances WHERE user_id = %s", [user]
    ).fetchone()
    return None if row is None else row[0]


def test_recover_shows_first_and_grants_once(admin: psycopg.Connection, tmp_path: Path) -> None:
    tx_ids = {user: bought(admin, user) for user in ("ann", "bob")}
    over_cap = bought(admin, "ann")

    plan = run_json("claims", "recover", "--backup-to", str(tmp_path))
    untouched = shields(admin, "ann")
    done = run_json("claims", "recover", "--apply", "--backup-to", str(tmp_path))
    again = run_json("claims", "recover", "--apply", "--backup-to", str(tmp_path))

    assert {one["tx_id"] for one in plan["missing"]} == {*tx_ids.values(), over_cap}
    assert (plan["applied"], untouched) == (False, None)
    assert done["granted"] == 2
    assert done["refused"] == [{"tx_id": over_cap, "code": "CAP_EXCEEDED"}]
    assert again["granted"] == 0
    assert (shields(admin, "ann"), shields(admin, "bob")) == (1, 1)
    copy = json.loads(Path(done["backup"]).read_text("utf-8"))
    assert (copy["purchase_claims"], copy["user_wallet_balances"]) == ([], [])
    assert Path(done["backup"]).stat().st_mode & 0o777 == 0o600


def test_what_recover_only_queues_is_not_told_as_granted(
    admin: psycopg.Connection, tmp_path: Path
) -> None:
    bought(admin, "ann")
    admin.execute(
        """UPDATE public.store_config SET value = '{"mode": "queue"}' WHERE key = 'claims_mode'"""
    )

    told = run("claims", "recover", "--apply", "--backup-to", str(tmp_path))
    done = run_json("claims", "recover", "--apply", "--backup-to", str(tmp_path))

    assert "0 of 1 were granted, 1 queued for later." in " ".join(told.stdout.split())
    assert (done["granted"], done["queued"], done["refused"]) == (0, 1, [])
    assert shields(admin, "ann") in (None, 0)
    [(result,)] = admin.execute(
        "SELECT result FROM bursar.operation ORDER BY id DESC LIMIT 1"
    ).fetchall()
    assert result == "0 of 1 were granted, 1 queued for later."


def test_an_override_grants_beyond_the_cap_and_says_why(admin: psycopg.Connection) -> None:
    first, second = bought(admin, "ann"), bought(admin, "ann")
    run_json("claims", "override", "ann", SHIELD, first, "--reason", "made good")
    run_json("claims", "override", "ann", SHIELD, second, "--reason", "made good")
    silent = run("claims", "override", "ann", SHIELD, second)

    assert shields(admin, "ann") == 2
    assert silent.returncode == 2
    rows = admin.execute(
        "SELECT is_override, reason, actor LIKE 'operator:%' FROM public.purchase_claims"
    ).fetchall()
    assert rows == [(True, "made good", True)] * 2


def test_recalculate_does_not_bring_used_shields_back(
    admin: psycopg.Connection, tmp_path: Path
) -> None:
    run_json("claims", "override", "ann", SHIELD, bought(admin, "ann"), "--reason", "x")
    run_json("claims", "override", "ann", SHIELD, bought(admin, "ann"), "--reason", "x")
    admin.execute(
        """SELECT bursar.use_item('[{"user_id": "ann", "caller": {"role": "service_role"}}]')"""
    )
    admin.execute("UPDATE public.user_wallet_balances SET streakshield_count = 9")

    found = run_json("claims", "recalculate", code=1)
    done = run_json("claims", "recalculate", "ann", "--apply", "--backup-to", str(tmp_path))
    clean = run_json("claims", "recalculate")

    assert found["differences"] == [
        {"user_id": "ann", "wallet_count": 9, "claim_count": 1, "difference": -8}
    ]
    assert done["corrected"] == 1
    assert clean["differences"] == []
    assert shields(admin, "ann") == 1


def test_a_switch_holds_from_the_next_claim_on(admin: psycopg.Connection) -> None:
    tx_id = bought(admin, "ann")
    run_json("switch", "sku", SHIELD, "off", "--reason", "broken")
    off = claimed(admin, tx_id)
    run_json("switch", "sku", "all", "on", "--reason", "mended")
    on = claimed(admin, tx_id)
    unknown = run_json("switch", "sku", "nothing", "off", "--reason", "x", code=1)

    assert (off, on) == ("SKU_DISABLED", None)
    assert unknown["code"] == "MALFORMED"
    reasons = admin.execute("SELECT reason FROM public.store_config_changes ORDER BY id").fetchall()
    assert [reason for (reason,) in reasons[-2:]] == ["broken", "mended"]


def test_a_message_is_what_users_are_told(admin: psycopg.Connection) -> None:
    run_json("switch", "message", "Back at noon.", "--reason", "outage")

    assert run_json("switch", "show")["message"] == "Back at noon."


def test_the_queue_is_listed_and_replayed(admin: psycopg.Connection) -> None:
    tx_id = bought(admin, "ann")
    run_json("claims", "mode", "queue", "--reason", "store is down")
    queued = claimed(admin, tx_id)
    listed = run_json("queue", "list")
    held = shields(admin, "ann")
    run_json("claims", "mode", "open", "--reason", "store is up")
    replayed = run_json("queue", "replay")
    again = run_json("queue", "replay")

    assert queued is None
    assert [(one["kind"], one["name"], one["status"]) for one in listed["waiting"]] == [
        ("claim", tx_id, "waits for opening")
    ]
    assert held == 0
    assert (replayed["from the queue"], again["from the queue"]) == (1, 0)
    assert shields(admin, "ann") == 1


async def test_the_spool_is_replayed(admin: psycopg.Connection, tmp_path: Path) -> None:
    spool = Spool(tmp_path, 10_000)
    event = {
        "id": "e1",
        "type": "NON_RENEWING_PURCHASE",
        "event_timestamp_ms": 1_780_000_000_000,
        "app_user_id": "ann",
        "product_id": SHIELD,
        "transaction_id": "t1",
        "store": "APP_STORE",
        "environment": "PRODUCTION",
    }
    claim = {
        "user_id": "ann",
        "sku": SHIELD,
        "tx_id": "t1",
        "accepted": True,
        "caller": {"role": "service_role"},
    }
    await spool.keep("claim", claim)
    await spool.keep("event", {"event": event})
    spool.close()

    done = run("queue", "replay", "--json", BURSAR_SPOOL_DIRECTORY=str(tmp_path))

    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["from the spool"] == 2
    assert shields(admin, "ann") == 1
    assert Spool(tmp_path, 10_000).is_empty()


def claimed(admin: psycopg.Connection, tx_id: str) -> str | None:
    """Claim ann's purchase; answer the code of its refusal, if any."""
    row = admin.execute(
        "SELECT bursar.claim_purchase(jsonb_build_array(jsonb_build_object('user_id', 'ann',"
        " 'sku', %s::text, 'tx_id', %s::text, 'caller', '{\"role\": \"service_role\"}'::jsonb)))",
        [SHIELD, tx_id],
    ).fetchone()
    assert row is not None
    code: str | None = row[0][0].get("code")
    return code
