"""The adapter against a server that somebody else wrote: mock-ai-api, which speaks OpenAI's API.

It runs offline, holds no model, and answers the same every time. Its errors are chosen by the end
of a model's name.
"""

import asyncio
import contextlib
import importlib.metadata
import os
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.generation.openai_provider import OpenAiProvider
from bursar.generation.provider import Job, ProviderError
from bursar.generation.worker import GenerationWorker
from bursar.http.request_log import make_log
from bursar.ledger.engine import Engine
from bursar.settings import Settings
from tests.deployment import lasting_port
from tests.ledger_in_sql import Ledger
from tests.studio import credits_of, job, new_artist, new_product, submitted

DISTRIBUTION = "mock-ai-api"
START_SECONDS = 120.0
ID = str(uuid.uuid4())


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The base address of the foreign server's API."""
    try:
        importlib.metadata.version(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        if os.environ.get("BURSAR_REQUIRE_ALL") == "1":
            raise
        pytest.skip(f"{DISTRIBUTION} is not installed.")
    port = str(lasting_port())
    serve = ["-P", "-m", "uvicorn", "app.openai_app:app", "--port", port, "--log-level", "error"]
    process = subprocess.Popen([sys.executable, *serve], stdin=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        deadline, well = time.monotonic() + START_SECONDS, False
        while not well:
            assert process.poll() is None
            assert time.monotonic() < deadline
            with contextlib.suppress(httpx.TransportError):
                well = httpx.get(f"{url}/health", timeout=10).is_success
            time.sleep(0.05)
        yield f"{url}/v1"
    finally:
        process.kill()
        process.wait()


@pytest.fixture
async def provider(address: str) -> AsyncIterator[OpenAiProvider]:
    made = OpenAiProvider(Settings(provider_url=address, provider_api_key="sk-anything"))
    yield made
    await made.close()


def asked(**fields: Any) -> Job:
    known: dict[str, Any] = {"job_id": ID, "lease": ID, "user_id": ID, "product": "p", "price": 1}
    known |= {"kind": "image", "model": "gpt-image-1", "input": {"prompt": "a fox"}}
    return Job(**{**known, "attempt": 1, "attempts_max": 3, "call_seconds": 10, **fields})


async def test_it_draws(provider: OpenAiProvider) -> None:
    for model in ("gpt-image-1", "dall-e-3"):
        answer = await provider.generate(asked(model=model))

        assert answer.content is not None
        assert answer.content.startswith(b"\x89PNG")
        assert answer.content_type == "image/png"


async def test_it_writes_and_counts_tokens(provider: OpenAiProvider) -> None:
    answer = await provider.generate(asked(kind="text", model="gpt-4.1", tokens_per_credit=1))

    assert answer.text
    assert answer.reference.startswith("chatcmpl")
    assert answer.tokens is not None
    assert answer.price == answer.tokens > 0


@pytest.mark.parametrize(
    ("scenario", "retryable"),
    [("400", False), ("401", False), ("429", True), ("500", True), ("503", True)],
)
async def test_its_errors_are_told_apart(
    provider: OpenAiProvider, scenario: str, retryable: bool
) -> None:
    with pytest.raises(ProviderError) as caught:
        await provider.generate(asked(kind="text", model=f"gpt-4.1:mock-{scenario}"))

    assert caught.value.retryable is retryable
    assert caught.value.message.startswith(f"The provider answered HTTP {scenario}: ")


async def test_jobs_are_done_and_paid_for_with_it(address: str, database: ScratchDatabase) -> None:
    ledger = Ledger(database)
    models = {"image": "gpt-image-1", "text": "gpt-4.1", "bad": "gpt-4.1:mock-400"}
    jobs = {}
    for name, model in models.items():
        kind = "image" if name == "image" else "text"
        user = new_artist(ledger)
        jobs[name] = (
            user,
            submitted(ledger, user, product=new_product(ledger, kind=kind, model=model)),
        )
    settings = Settings(provider_url=address, worker_interval_ms=50)
    provider = OpenAiProvider(settings)
    worker = GenerationWorker(settings, provider, make_log("error"))
    async with await Engine.open(database.service_url) as engine, asyncio.timeout(60):
        worker.start(engine)
        while not all(job(ledger, one)["finished_at"] for _, one in jobs.values()):
            await asyncio.sleep(0.05)
        await worker.stop(5)
    await provider.close()

    ended = {name: job(ledger, one)["status"] for name, (_, one) in jobs.items()}
    left = {name: credits_of(ledger, user)[0] for name, (user, _) in jobs.items()}
    assert ended == {"image": "completed", "text": "completed", "bad": "refunded"}
    assert left == {"image": 0, "text": 0, "bad": 1}
    ledger.keeps_its_promises()
