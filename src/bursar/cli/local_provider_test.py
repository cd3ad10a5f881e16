"""The provider of `bursar up`: there with the demo, survives its crash, gone with everything."""

import time
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.types.json import Jsonb

from bursar.cli.answer import CommandError
from bursar.cli.conftest import STOP_SECONDS, Up
from bursar.cli.deployment import Deployment
from bursar.cli.local_provider import LocalProviderOfUp
from bursar.db.scratch import SERVICE_ROLE
from bursar.settings import Settings
from bursar.stand_ins.provider.process import LocalProvider
from tests.patience import PATIENCE_SECONDS

NAME = "Provider (local)"
USER = "5b1d9c7e-0000-4000-8000-00000000abcd"


def address_of(up: Up) -> str:
    """Where the provider answers, as `bursar up` says it."""
    return next(line for line in up.said.splitlines() if NAME in line).split()[-1]


def answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/_faults", timeout=20).is_success
    except httpx.HTTPError:
        return False


class Database:
    """The deployment's database, as the service sees it."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def __call__(self, query: str, *arguments: Any) -> Any:
        row = self._connection.execute(query.encode(), arguments).fetchone()
        assert row is not None
        return row[0]

    def submit(self, prompt: str) -> str:
        grant = {"owner_id": USER, "asset": "generation_credit", "amount": 1}
        assert self("SELECT bursar.grant(%s)", Jsonb([grant]))[0]["status"] == "done"
        request = {
            "user_id": USER,
            "input": {"prompt": prompt, "size": "64x64"},
            "rate_limit_seconds": 0,
            "caller": {"role": "service_role"},
        }
        [outcome] = self("SELECT bursar.submit_generation(%s)", Jsonb([request]))
        assert outcome["status"] == "done", outcome
        return str(outcome["job_id"])

    def ended(self, job_id: str) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            found: dict[str, Any] = self("SELECT bursar.read_generation_job(%s, NULL)", job_id)
            if found["finished_at"]:
                return found
            assert time.monotonic() < deadline, found
            time.sleep(0.1)


def test_jobs_are_done_from_the_first_start_on_also_past_a_crash(up: Up) -> None:
    up.start()
    address = address_of(up)
    # While another provider takes the crashed one's place, nobody is there.
    with psycopg.connect(up.cluster.url(database="bursar")) as admin:
        admin.execute("UPDATE generation_products SET attempts_max = 9")

    with psycopg.connect(up.cluster.url(SERVICE_ROLE, "bursar"), autocommit=True) as connection:
        database = Database(connection)
        drawn = database.ended(database.submit("a fox"))
        job_id = database.submit("a lighthouse [crash x1]")
        crashed = database.ended(job_id)
        refused = database.ended(database.submit("nothing [fail 400]"))

    assert (drawn["status"], drawn["content_type"]) == ("completed", "image/png")
    assert crashed["status"] == "completed"
    assert crashed["attempts"] >= 2
    # Attempts that met nobody are not in the book of the provider, which outlives the crash.
    parameters = {"key": job_id}
    book = httpx.get(f"{address}/_calls", params=parameters, timeout=PATIENCE_SECONDS).json()
    assert [call["status"] for call in book["data"]] == [None, 200]
    assert (refused["status"], refused["reason"]) == ("refunded", "provider_error")
    assert up.end() == 0
    assert "The local provider ended with code 70" in up.said
    deadline = time.monotonic() + STOP_SECONDS
    while answers(address):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_where_a_provider_is_set_or_the_demo_is_left_out_none_of_it_runs(up: Up) -> None:
    up.start(BURSAR_PROVIDER_URL="http://127.0.0.1:1/v1")
    up.end()
    assert NAME not in up.said

    up.start("--no-demo")
    up.end()
    assert NAME not in up.said


def test_the_service_is_given_what_it_needs_to_talk_to_it(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path / "data", Settings(), None)
    with LocalProviderOfUp(deployment, print) as provider:
        settings = provider.add_to(Settings(jwt_secret="kept"))
        models = f"{settings.provider_url}/models"
        key = {"authorization": f"Bearer {settings.provider_api_key}"}

        assert settings.jwt_secret == "kept"
        assert httpx.get(models, headers=key, timeout=PATIENCE_SECONDS).status_code == 200
        assert httpx.get(models, timeout=PATIENCE_SECONDS).status_code == 401


def test_one_that_does_not_start_is_said_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(self: LocalProvider) -> str:
        raise RuntimeError("The local provider did not start.")

    monkeypatch.setattr(LocalProvider, "address", property(nothing))
    deployment = Deployment(tmp_path, Settings(), None)

    with (
        LocalProviderOfUp(deployment, print) as provider,
        pytest.raises(CommandError, match="did not start"),
    ):
        provider.add_to(Settings())
