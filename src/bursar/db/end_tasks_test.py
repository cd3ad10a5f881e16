"""Tasks end although a cancellation of theirs was lost."""

import asyncio

import pytest

from bursar.db.end_tasks import end_tasks
from tests.patience import AGE_SECONDS


async def deaf(times: int, heard: list[int]) -> None:
    """Go on for ever, and lose so many cancellations."""
    for _ in range(times):
        try:
            await asyncio.sleep(AGE_SECONDS)
        except asyncio.CancelledError:
            heard.append(1)
    await asyncio.sleep(AGE_SECONDS)


@pytest.mark.parametrize("times", [0, 1, 3])
async def test_a_task_that_goes_on_is_asked_again(times: int) -> None:
    heard: list[int] = []
    task = asyncio.create_task(deaf(times, heard))
    await asyncio.sleep(0)

    await end_tasks(task, again_seconds=0.01)

    assert task.cancelled()
    assert len(heard) == times


async def test_whatever_became_of_a_task_is_nobodys_error() -> None:
    async def fails() -> None:
        raise ValueError

    tasks = [asyncio.create_task(fails()), asyncio.create_task(asyncio.sleep(0))]
    await asyncio.sleep(0)
    await end_tasks(*tasks)
    await end_tasks()
    assert all(task.done() for task in tasks)


async def test_what_a_task_puts_in_order_is_waited_for() -> None:
    done: list[str] = []

    async def orderly() -> None:
        try:
            await asyncio.sleep(AGE_SECONDS)
        finally:
            await asyncio.sleep(0.05)
            done.append("in order")

    task = asyncio.create_task(orderly())
    await asyncio.sleep(0)
    await end_tasks(task)
    assert done == ["in order"]
