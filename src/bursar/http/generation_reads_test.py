"""How a job stands, for a page that asks, waits or listens; and what the job made."""

import asyncio
import base64
import json
import time
import uuid
from typing import Any

import httpx
import pytest

from bursar.http import generation_reads, job_watch
from bursar.http.conftest import Door
from bursar.http.generation_test import Artist, said_no
from tests.ledger_in_sql import done
from tests.patience import until
from tests.studio import end, lease, submitted

JOBS = "/functions/v1/generation-jobs"


@pytest.fixture
def artist(door: Door) -> Artist:
    return Artist(door, 5)


async def get(artist: Artist, path: str, **headers: str) -> httpx.Response:
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return await artist.door.client.get(f"{JOBS}{path}", headers=artist.headers | more)


def told_by(answer: httpx.Response) -> list[dict[str, Any]]:
    """The jobs that an event stream told, in order."""
    return [
        json.loads(line.removeprefix("data: "))
        for line in answer.text.splitlines()
        if line.startswith("data: ")
    ]


class Clock:
    """Stands still until a test lets time pass."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


def marks_known(artist: Artist, job_id: str) -> list[str]:
    """The marks that those know who wait for a job."""
    return [mark for mark, _ in artist.door.app._watch._waiting.get(job_id, ())]


async def finish(artist: Artist, job_id: str, result: str = "completed") -> None:
    """End a job."""
    await asyncio.to_thread(lambda: done(end(artist.ledger, job_id, result)))


async def later(artist: Artist, job_id: str, waiting: int = 1) -> None:
    """End a job a little after so many wait for it."""
    await until(lambda: len(marks_known(artist, job_id)) == waiting)
    await asyncio.sleep(0.4)
    await finish(artist, job_id)


async def test_a_page_that_was_loaded_anew_finds_its_jobs(artist: Artist) -> None:
    first, second = (submitted(artist.ledger, artist.id) for _ in range(2))
    seen = (await get(artist, "")).json()
    assert (seen["success"], seen["wallet"]["available"]) == (True, 3)
    assert [one["job_id"] for one in seen["jobs"]] == [second, first]
    found = await get(artist, f"/{first}")
    assert (found.json()["success"], found.json()["status"]) == (True, "queued")
    tag = found.headers["etag"]
    same = await get(artist, f"/{first}", if_none_match=tag)
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    lease(artist.ledger)
    changed = await get(artist, f"/{first}", if_none_match=tag)
    assert (changed.status_code, changed.json()["status"]) == (200, "processing")


async def test_somebody_elses_job_is_none(artist: Artist, door: Door) -> None:
    job_id = submitted(artist.ledger, artist.id)
    stranger = Artist(door, 0)
    for asked in (job_id, str(uuid.uuid4())):
        for path in ("", "/events", "/output", "?wait=5"):
            answer = await get(stranger, f"/{asked}{path}")
            assert said_no(answer) == (404, "job_not_found", "JOB_NOT_FOUND")
    assert said_no(await get(artist, "/x")) == (400, "invalid_request", "MALFORMED")
    assert said_no(await get(artist, "/%ff"))[0] == 400
    spying = await get(stranger, f"?user_id={artist.id}")
    assert said_no(spying) == (403, "not_authorized", "NOT_AUTHORIZED")
    for path in ("", f"/{job_id}", f"/{job_id}/events", f"/{job_id}/output"):
        assert said_no(await door.client.get(JOBS + path))[:2] == (401, "unauthorized")


async def test_the_service_sees_everybodys(artist: Artist, door: Door) -> None:
    job_id = submitted(artist.ledger, artist.id)
    found = await door.client.get(f"{JOBS}/{job_id}", headers=door.service)
    assert found.json()["user_id"] == artist.id
    listed = await door.client.get(f"{JOBS}?user_id={artist.id}", headers=door.service)
    assert len(listed.json()["jobs"]) == 1
    for path in (JOBS, f"{JOBS}?user_id=ann"):
        assert said_no(await door.client.get(path, headers=door.service))[0] == 400


async def test_whoever_waits_is_answered_when_something_changes(artist: Artist) -> None:
    job_id = submitted(artist.ledger, artist.id)
    began = time.monotonic()
    answer, _ = await asyncio.gather(get(artist, f"/{job_id}?wait=20"), later(artist, job_id))
    assert answer.json()["status"] == "completed"
    assert 0.3 < time.monotonic() - began < 18
    began = time.monotonic()
    assert (await get(artist, f"/{job_id}?wait=20")).json()["status"] == "completed"
    assert time.monotonic() - began < 18


async def test_whoever_knows_another_state_does_not_wait(artist: Artist) -> None:
    job_id = submitted(artist.ledger, artist.id)
    began = time.monotonic()
    answer = await get(artist, f"/{job_id}?wait=20", if_none_match='"an old one"')
    assert (answer.status_code, time.monotonic() - began < 18) == (200, True)


async def test_waiting_ends_with_304_or_the_same_state(artist: Artist) -> None:
    job_id = submitted(artist.ledger, artist.id)
    found = await get(artist, f"/{job_id}?wait=1")
    assert found.json()["status"] == "queued"
    same = await get(artist, f"/{job_id}?wait=1", if_none_match=found.headers["etag"])
    assert same.status_code == 304
    for wait in ("-1", "26", "x", "", "1.5", "٣"):
        assert said_no(await get(artist, f"/{job_id}?wait={wait}"))[0] == 400, wait


async def test_waiting_is_not_counted_as_slowness(artist: Artist) -> None:
    job_id = submitted(artist.ledger, artist.id)
    heard: list[float] = []
    count = artist.door.app.metrics.count

    def hear(verb: str, code: str, seconds: float, **labels: Any) -> None:
        heard.append(seconds)
        count(verb, code, seconds, **labels)

    artist.door.app._front._metrics = type("M", (), {"count": staticmethod(hear)})()
    began = time.monotonic()
    await get(artist, f"/{job_id}?wait=1")
    assert len(heard) == 1
    assert heard[0] <= time.monotonic() - began - 1


async def test_fifty_pages_that_wait_are_served_by_few_statements(
    artist: Artist, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = submitted(artist.ledger, artist.id)
    asked: list[str] = []
    read = artist.door.app._ledger.read

    async def counted(function: str, *arguments: Any) -> Any:
        # The service's own minutes are written whether anybody waits or not.
        if function.startswith("read_generation_"):
            asked.append(function)
        return await read(function, *arguments)

    monkeypatch.setattr(artist.door.app._ledger, "read", counted)
    began = time.monotonic()
    *answers, _ = await asyncio.gather(
        *(get(artist, f"/{job_id}?wait=20") for _ in range(50)), later(artist, job_id, 50)
    )
    assert {one.json()["status"] for one in answers if one is not None} == {"completed"}
    looks_max = (time.monotonic() - began) / job_watch.POLL_SECONDS + 1
    assert asked.count("read_generation_marks") <= looks_max
    # Nobody waits any more, so nobody asks.
    await asyncio.sleep(2 * job_watch.POLL_SECONDS)
    before = len(asked)
    await asyncio.sleep(2 * job_watch.POLL_SECONDS)
    assert len(asked) == before


async def test_events_tell_each_state_until_it_has_ended(artist: Artist) -> None:
    job_id = submitted(artist.ledger, artist.id)

    async def work() -> None:
        await until(lambda: bool(marks_known(artist, job_id)))
        queued = marks_known(artist, job_id)
        await asyncio.to_thread(lease, artist.ledger)
        await until(lambda: marks_known(artist, job_id) not in ([], queued))
        await finish(artist, job_id, "failed")

    answer, _ = await asyncio.gather(get(artist, f"/{job_id}/events"), work())

    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert "content-length" not in answer.headers
    states = told_by(answer)
    assert [one["status"] for one in states] == ["queued", "processing", "refunded"]
    assert states[-1]["reason"] == "provider_error"
    assert answer.text.count("event: state\nid: ") == 3
    ended = await get(artist, f"/{job_id}/events")
    assert [one["status"] for one in told_by(ended)] == ["refunded"]


async def test_events_say_now_and_then_that_they_are_alive_and_end_some_time(
    artist: Artist, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()

    async def nothing_changes(job_id: str, mark: str, seconds: float) -> bool:
        clock.now += seconds
        return False

    monkeypatch.setattr(generation_reads, "time", clock)
    monkeypatch.setattr(artist.door.app._watch, "changed", nothing_changes)
    job_id = submitted(artist.ledger, artist.id)
    answer = await get(artist, f"/{job_id}/events")
    assert answer.text.startswith("retry: 1000\n\nevent: state\n")
    pings = generation_reads.STREAM_SECONDS_MAX / generation_reads.PING_SECONDS
    assert answer.text.count(": still here\n\n") == pings


async def test_waiting_goes_on_while_the_database_is_away(
    artist: Artist, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = submitted(artist.ledger, artist.id)
    read = artist.door.app._ledger.read
    failed: list[str] = []

    async def flaky(function: str, *arguments: Any) -> Any:
        if function == "read_generation_marks" and len(failed) < 3:
            failed.append(function)
            raise OSError("gone")
        return await read(function, *arguments)

    monkeypatch.setattr(artist.door.app._ledger, "read", flaky)

    async def back_again() -> None:
        await until(lambda: len(failed) == 3)
        await finish(artist, job_id)

    answer, _ = await asyncio.gather(get(artist, f"/{job_id}?wait=20"), back_again())
    assert (answer.json()["status"], len(failed)) == ("completed", 3)


@pytest.mark.parametrize(
    ("kind", "shown", "stored"),
    [
        ("image/png", "image/png", False),
        ("image/svg+xml", "image/svg+xml", False),
        ("text/html", "text/plain; charset=utf-8", False),
        ("application/x-sh", "application/octet-stream", True),
    ],
)
async def test_what_a_job_made_is_sent_once_it_is_completed(
    artist: Artist, kind: str, shown: str, stored: bool
) -> None:
    job_id = submitted(artist.ledger, artist.id)
    content = b"\x89PNG<script>"
    artist.ledger.value(
        "SELECT bursar.keep_generation_output(%s, %s, %s)",
        *(job_id, kind, base64.b64encode(content).decode()),
    )
    assert said_no(await get(artist, f"/{job_id}/output"))[0] == 404
    done(end(artist.ledger, job_id))
    answer = await get(artist, f"/{job_id}/output")
    assert (answer.status_code, answer.content) == (200, content)
    assert answer.headers["content-type"] == shown
    assert ("content-disposition" in answer.headers) == stored
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
