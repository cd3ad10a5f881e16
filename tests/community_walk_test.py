"""Our own community on a production that had drifted: from answers 500 to a repair, over HTTP.

The server runs all the while, and is not started anew.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from bursar.db.embedded import Cluster
from bursar.db.scratch import ScratchDatabase, scratch_database
from bursar.ops.doctor.apply import Choices
from bursar.ops.doctor.examine import build_expected, examine
from bursar.ops.doctor.expected import by_migrations
from bursar.ops.doctor.mend import mend
from tests.clinic import DRIFT, columns_of, digest, told
from tests.commons import new_member, posted, react, score
from tests.deployment import Deployment
from tests.ledger_in_sql import Ledger, done
from tests.village import FEED, LOGIN, POSTS, SCORES, a_score

TABLES = ("users", "posts", "post_reactions", "scores", "credit_txns")
LEDGER = ("entry", "transaction", "wallet")
FILLED_IN = b"""
SET session_replication_role = replica;
UPDATE public.scores SET duration_sec = 60 WHERE duration_sec IS NULL;
UPDATE public.credit_txns SET idempotency_key = 'before ' || id WHERE idempotency_key IS NULL;
RESET session_replication_role;
"""
LOVE = {"reaction_type": "love"}
Asked = dict[str, httpx.Response]


@pytest.fixture
def production(cluster: Cluster, template: str) -> Iterator[ScratchDatabase]:
    with scratch_database(cluster, template) as made:
        yield made


@pytest.fixture
def server(production: ScratchDatabase, tmp_path: Path) -> Iterator[Deployment]:
    running = Deployment(production, tmp_path).start()
    yield running
    running.stop()


@pytest.fixture
def client(server: Deployment) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=30) as made:
        yield made


def ask(client: httpx.Client, mine: str, other: str) -> Asked:
    """Send what the community's page sends."""
    return {
        "delete": client.delete(f"/community/delete/{mine}"),
        "react": client.post(f"/community/react/{other}", json=LOVE),
        "score": client.post(SCORES, json=a_score(600)),
        "feed": client.get(FEED),
    }


def test_delete_and_react_answer_500_then_the_repair_makes_them_work(
    production: ScratchDatabase, client: httpx.Client
) -> None:
    ledger = Ledger(production)
    author, reader = new_member(ledger), new_member(ledger)
    mine, other = posted(ledger, reader), posted(ledger, author)
    for post in (mine, other):
        done(react(ledger, new_member(ledger), post))
    done(score(ledger, reader, 150))
    # A database that lacks columns of users cannot say who is in it, so they sign in before.
    opened = client.post(LOGIN, headers=Deployment.headers("authenticated", reader))
    client.headers["x-csrf-token"] = opened.json()["csrf_token"]
    production.connect().execute((DRIFT / "our_production.sql").read_bytes())
    columns = {
        table: names
        for table, names in columns_of(production).items()
        if table in {f"public.{t}" for t in TABLES} | {f"bursar.{t}" for t in LEDGER}
    }
    before = digest(production, columns)

    failed = ask(client, mine, other)

    assert {name: answer.status_code for name, answer in failed.items()} == dict.fromkeys(
        failed, 500
    )
    assert {answer.json()["error"] for answer in failed.values()} == {"internal_error"}
    assert digest(production, columns) == before

    expected, schemas = build_expected(production.url, by_migrations())
    assert not examine(production.url, expected, schemas).healthy
    mending = mend(production.url, expected, schemas, Choices(changes=True, quarantine=True))
    assert {r.step.finding.object for r in mending.results if r.ending != "done"} == {
        "column public.credit_txns.idempotency_key",
        "column public.scores.duration_sec",
    }
    # Nobody but a person knows what their rows had there: none was set aside for it.
    production.connect().execute(FILLED_IN)
    filled = mend(production.url, expected, schemas, Choices(changes=True, quarantine=True))
    assert [(r.ending, r.error) for r in filled.results if r.ending != "done"] == []
    assert told(filled.left) == []
    after = digest(production, columns)
    sys.stdout.write("".join(f"{table}: {before[table]} -> {after[table]}\n" for table in before))
    assert after == before
    again = mend(production.url, expected, schemas, Choices(changes=True, quarantine=True))
    assert again.results == []

    worked = ask(client, mine, other)

    assert {name: answer.status_code for name, answer in worked.items()} == dict.fromkeys(
        worked, 200
    ), {name: answer.text for name, answer in worked.items()}
    assert worked["delete"].json()["reactions_kept"] >= 1
    assert ledger.value("SELECT count(*) FROM post_reactions WHERE post_id IS NULL") >= 1
    assert worked["react"].json()["created"] is True
    duplicate = client.post(f"/community/react/{other}", json=LOVE)
    assert duplicate.json()["created"] is False
    assert worked["score"].json()["duration_sec"] == 60
    assert client.post(POSTS, json={"body": "it works"}).status_code == 200
    ledger.keeps_its_promises()
