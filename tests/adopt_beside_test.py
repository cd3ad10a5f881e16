"""Adopted tables beside other commands: the doctor, the audit, the way down, the command itself.

Each of them knows a store that no migration has made.
"""

import json
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from bursar.adoption import standing
from bursar.cli import root
from bursar.db.scratch import ScratchDatabase
from bursar.ops.doctor.examine import build_expected, examine
from bursar.ops.doctor.expected import by_migrations
from tests.adopting import adopt, findings, hand_back, one, points


def test_the_doctor_expects_what_adopting_has_made_and_the_repair_leaves_it(
    database: ScratchDatabase,
) -> None:
    points(database)
    adopt(database)
    expected, names = build_expected(database.url, by_migrations())

    found = examine(database.url, expected, names)

    assert [f.sentence for f in found.findings if f.severity != "note"] == []
    assert not found.plan.steps
    assert any("points" in f.sentence for f in found.findings)


def test_the_audit_finds_damage_in_an_adopted_table(database: ScratchDatabase) -> None:
    points(database)
    adopt(database)
    damages = (
        (
            "UPDATE public.points SET amount = amount + 1 WHERE member = 'ann'",
            "wallets_match_entries",
        ),
        ("DELETE FROM public.points WHERE member = 'cid'", "wallets_match_entries"),
        (
            "UPDATE public.points SET bursar_held = 1 WHERE member = 'ann'",
            "held_is_what_holds_left",
        ),
        ("ALTER TABLE public.points DROP CONSTRAINT points_amount_non_negative", "guards_are_on"),
        ("ALTER TABLE public.points DISABLE TRIGGER zz_bursar_raw_update", "guards_are_on"),
    )
    with database.connect(autocommit=False) as superuser:
        for damage, invariant in damages:
            superuser.execute("SET session_replication_role = replica")
            superuser.execute(damage.encode())
            superuser.commit()
            assert invariant in findings(database), damage
    [found] = standing(database.url)
    assert found["agreement"]["differing"] == 2


def test_the_way_down_waits_until_the_table_is_given_back(database: ScratchDatabase) -> None:
    app = points(database)
    adopt(database)
    down = (Path(__file__).parents[1] / "src/bursar/migrations/0010_adoption/down.sql").read_text()
    with pytest.raises(psycopg.errors.RaiseException, match="There are adopted tables: point"):
        app.execute(down.encode())
    hand_back(database)

    app.execute(down.encode())

    left = one(
        app,
        "SELECT count(*) FROM pg_proc WHERE pronamespace = 'bursar'::regnamespace"
        " AND (proname ~ 'adopt|found_|given_back|give_back|unopened|obstacles|remarks'"
        " AND proname <> 'record_found' OR proname ~ 'ties|agreement')",
    )
    assert (left, one(app, "SELECT to_regclass('bursar.adoption')")) == (0, None)


def test_the_command_says_what_it_would_do_and_did(
    database: ScratchDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = points(database)
    monkeypatch.setenv("BURSAR_DATABASE_URL", database.url)
    app.execute("INSERT INTO public.points VALUES ('low', -3)")
    named = ("point", "--table", "points", "--owner", "member", "--balance", "amount")

    def bursar(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(root.app, ["adopt", *words])
        return done.exit_code, done.stdout + done.stderr

    code, said = bursar("plan", *named)
    assert (code, "1 rows are negative (low: -3)" in said) == (1, True), said
    code, said = bursar("apply", *named)
    assert (code, "nothing was changed" in said) == (1, True), said
    code, said = bursar("plan", *named, "--negative", "zero")
    assert (code, "1 rows are negative: zero." in said) == (0, True), said
    assert bursar("status") == (0, "No table is adopted.\n")
    code, said = bursar("apply", *named, "--negative", "zero")
    assert (code, "is the store of point: 4 rows were opened" in said) == (0, True), said
    code, said = bursar("status", "point", "--json")
    assert json.loads(said)["adoptions"][0]["agreement"]["differing"] == 0
    code, said = bursar("apply", *named)
    assert (code, "is adopted already" in said) == (1, True), said
    code, said = bursar("back", "point")
    assert (code, "is its app's again" in said) == (0, True), said
    journal = app.execute("SELECT status, result FROM bursar.operation ORDER BY started_at")
    assert [(status, "points" in result) for status, result in journal] == [("done", True)] * 2


def test_wallets_of_an_asset_that_came_or_went_meanwhile_are_busy(
    database: ScratchDatabase,
) -> None:
    app = points(database)
    adopt(database)
    read = "SELECT bursar.lock_asset('point', ARRAY['ann', 'bob'], true)"
    hand_back(database)

    states = one(app, f"SELECT array_agg(s.status) FROM unnest(({read})) AS s")
    # A batch that has locked another asset's wallet, and one of an asset that is gone by now.
    decided = one(
        app,
        "SELECT bursar.decide("
        "ARRAY[ROW('credit', 'a', 50, 0, 1, 'open'), ROW('point', 'ann', 0, 0, 0, 'busy'),"
        " ROW('workspace_credit', 'w', 7, 0, 1, 'open')]::bursar.wallet_state[],"
        "ARRAY[ROW(1, 1, 'spend', 'point', 'ann', 5, 'spend', 'test', NULL, NULL, NULL, NULL,"
        " NULL, 'refuse', NULL, NULL, NULL, NULL),"
        " ROW(2, 1, 'spend', 'workspace_credit', 'w', 5, 'spend', 'test', NULL, NULL, NULL, NULL,"
        " NULL, 'refuse', NULL, NULL, NULL, NULL)]::bursar.request[],"
        "ARRAY[ROW(1, 'point', 'ann', -5, 0, 'used'),"
        " ROW(2, 'workspace_credit', 'w', -5, 0, 'used')]::bursar.leg[], '{}')::text",
    )

    assert states == ["busy", "busy"]
    assert "BUSY" in decided
    assert "(workspace_credit,w,2,0,2,open)" in decided.replace('"', "").replace("\\", "")
