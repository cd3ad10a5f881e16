"""A round is scored once, within bounds; a milestone is awarded the first time."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.commons import ask, credits_of, new_member, round_of, score
from tests.grown import read_so_far
from tests.ledger_in_sql import Ledger, code, done
from tests.shop import insisted_at_once

pytestmark = pytest.mark.postgres_versions("15", "18")


def test_milestones_are_awarded_the_first_time(ledger: Ledger) -> None:
    user = new_member(ledger)

    awarded = [done(score(ledger, user, points))["amount"] for points in (99, 100, 600, 600, 1000)]

    assert awarded == [0, 1, 3, 0, 5]
    assert credits_of(ledger, user) == 9
    assert done(score(ledger, user, 5))["best"] == 1000
    ledger.keeps_its_promises()


def test_a_hundred_submissions_of_one_round_are_one_score(ledger: Ledger) -> None:
    user = new_member(ledger)

    outcomes = insisted_at_once(ledger, "submit_score", [round_of(user, 500, round_id="r")] * 100)

    assert [one["created"] for one in outcomes].count(True) == 1
    assert {one["score_id"] for one in outcomes} == {outcomes[0]["score_id"]}
    assert credits_of(ledger, user) == 4
    assert code(score(ledger, user, 501, round_id="r")) == "IDEMPOTENCY_MISMATCH"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"points": 10_001, "duration_sec": 3600}, "points"),
        ({"points": 101, "duration_sec": 1}, "points"),
        ({"points": -1}, "points"),
        ({"points": 1.5}, "points"),
        ({"points": "5"}, "points"),
        ({"duration_sec": 0}, "duration_sec"),
        ({"duration_sec": 86_401}, "duration_sec"),
        ({"duration_sec": None}, "duration_sec"),
        ({"game": "chess"}, "game"),
        ({"round_id": ""}, "round_id"),
        ({"round_id": None}, "round_id"),
        ({"user_id": "ada"}, "user_id"),
    ],
)
def test_what_cannot_be_is_refused(ledger: Ledger, fields: dict[str, object], field: str) -> None:
    outcome = ledger.one("submit_score", **(round_of(new_member(ledger), 1) | fields))

    assert code(outcome) == "MALFORMED"
    assert outcome["details"] == {"field": field}


def test_a_penalty_blocks_challenges_while_it_lasts(ledger: Ledger) -> None:
    user = new_member(ledger)
    until = datetime.now(UTC) + timedelta(hours=1)
    penalty = {"action": "penalise_challenges", "user_id": user, "reason": "cheated"}
    done(ask(ledger, "moderate", **penalty, until=until.isoformat(), actor="op:kim"))

    refused = score(ledger, user, 100)

    assert code(refused) == "PENALTY_ACTIVE"
    assert datetime.fromisoformat(refused["details"]["until"]) == until
    assert credits_of(ledger, user) == 0
    done(ask(ledger, "moderate", **penalty, until=None, actor="op:kim"))
    assert done(score(ledger, user, 100))["amount"] == 1


def test_a_score_reads_no_more_of_a_player_who_has_many(ledger: Ledger) -> None:
    user = new_member(ledger)
    with psycopg.connect(ledger.database.url, autocommit=True) as session:
        for points in range(7):
            done(ledger.one("submit_score", session, **round_of(user, points)))
        ledger.admin.execute(
            "INSERT INTO public.scores (user_id, game, round_id, points, duration_sec)"
            " SELECT %s, 'word-finder', 'early ' || n, n %% 90, 60"
            " FROM generate_series(1, 3000) AS n",
            [user],
        )
        # As autovacuum does after so many; plans that were made before are then made anew.
        ledger.admin.execute("ANALYZE public.scores")
        done(ledger.one("submit_score", session, **round_of(user, 8)))
        before = read_so_far(ledger, session)

        assert done(ledger.one("submit_score", session, **round_of(user, 9)))["best"] == 89
        # What a page shows of its reader.
        session.execute("SELECT bursar.read_member(%s)", [user])

        after = read_so_far(ledger, session)
    read = {name: after[name] - before[name] for name in after}
    assert {name: rows for name, rows in read.items() if rows > 200} == {}
