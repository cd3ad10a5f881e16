"""Pieces of work that are shared by the connections of one snapshot."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

Piece = TypeVar("Piece")


async def work_side_by_side(
    places: int,
    pieces: Sequence[Piece],
    work: Callable[[int, Piece], Awaitable[None]],
    on_piece: Callable[[int, int], None],
) -> None:
    """Let each of so many `places` take the next piece when it is through with one.

    `on_piece` is told how many are done, and of how many. What a piece raises ends all of it.
    """
    waiting = deque(pieces)
    done = 0

    async def work_on(place: int) -> None:
        nonlocal done
        while waiting:
            await work(place, waiting.popleft())
            done += 1
            on_piece(done, len(pieces))

    try:
        async with asyncio.TaskGroup() as group:
            for place in range(places):
                group.create_task(work_on(place))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
