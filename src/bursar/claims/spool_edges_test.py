"""What a spool does at its edges: a cut line, a disk that fails twice, somebody who hangs up."""

import asyncio
import contextlib
import errno
import fcntl
import io
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bursar.claims.spool import SUFFIX, Spool


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    opened = Spool(tmp_path, 100_000)
    yield opened
    opened.close()


async def keep(spool: Spool, *tx_ids: str) -> Path:
    """Keep claims, and return the file that has them."""
    for tx_id in tx_ids:
        await spool.keep("claim", {"tx_id": tx_id})
    return (await spool.waiting())[-1].path


async def ids(spool: Spool) -> list[str]:
    return [one.kept.request["tx_id"] for one in await spool.waiting()]


async def test_a_file_whose_last_line_has_no_end_goes_when_each_line_is_done(
    tmp_path: Path, spool: Spool
) -> None:
    path = await keep(spool, "1", "2", "3")
    spool.close()
    path.write_bytes(path.read_bytes()[:-1])
    after = Spool(tmp_path, 100_000)
    first, second, third = await after.waiting()

    # The wallet of the second was locked.
    await after.done(first, third)
    await after.tidy()

    assert (await ids(after), await after.count()) == (["2"], 1)
    await after.done(second)
    await after.tidy()
    assert after.is_empty()


async def test_a_line_that_comes_while_it_is_tidied_is_not_lost(
    tmp_path: Path, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await keep(spool, "1")
    await spool.done(*await spool.waiting())
    line, hold = path.read_bytes(), fcntl.flock

    def hold_late(file: io.FileIO, how: int) -> None:
        # Its process keeps one more, and ends.
        with path.open("ab") as appended:
            appended.write(line)
        spool.close()
        hold(file, how)

    monkeypatch.setattr(fcntl, "flock", hold_late)
    other = Spool(tmp_path, 100_000)
    await other.tidy()

    assert await ids(other) == ["1"]


class Failing(io.FileIO):
    """A file on a disk that takes half a line, and then nothing at all."""

    def write(self, line: bytes) -> int:  # type: ignore[override]  # it is given no other buffers
        return super().write(line[: len(line) // 2])

    def truncate(self, size: int | None = None) -> int:
        raise OSError(errno.EIO, "It cannot be cut either.")


async def test_half_a_line_that_cannot_be_cut_off_swallows_no_other(
    tmp_path: Path, spool: Spool
) -> None:
    path = await keep(spool, "1")
    with vars(spool)["_file"], Failing(path, "ab") as failing:
        vars(spool)["_file"] = failing
        with pytest.raises(OSError, match="a part of the line"):
            await spool.keep("claim", {"tx_id": "2"})

        await spool.keep("claim", {"tx_id": "3"})

    assert await ids(spool) == ["1", "3"]
    assert len(list(tmp_path.glob(f"*{SUFFIX}"))) == 2


async def test_who_hangs_up_in_the_middle_lets_nobody_in_before_it_is_written(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keep(spool, "1")
    sync, writing, may_end = os.fsync, threading.Event(), threading.Event()
    syncs: list[int] = []

    def slow(file: int) -> None:
        syncs.append(file)
        writing.set()
        assert may_end.wait(30)
        sync(file)

    monkeypatch.setattr(os, "fsync", slow)
    gone = asyncio.create_task(spool.keep("claim", {"tx_id": "2"}))
    assert await asyncio.to_thread(writing.wait, 30)
    gone.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await gone
    following = asyncio.create_task(spool.keep("claim", {"tx_id": "3"}))
    await asyncio.sleep(0.2)
    assert (len(syncs), following.done()) == (1, False)
    may_end.set()
    await following

    assert await ids(spool) == ["1", "2", "3"]
