"""What the spool keeps, across crashes and between processes."""

import asyncio
import fcntl
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bursar.claims.spool import SUFFIX, Spool, SpoolFull

BYTES_MAX = 100_000
MakeSpool = Callable[..., Spool]


@pytest.fixture
def spool_at() -> Iterator[MakeSpool]:
    """Open spools as processes of their own would; they are closed after the test."""
    opened: list[Spool] = []

    def open_one(directory: Path, bytes_max: int = BYTES_MAX) -> Spool:
        opened.append(Spool(directory, bytes_max))
        return opened[-1]

    yield open_one
    for spool in opened:
        spool.close()


def claim(number: int) -> dict[str, str]:
    return {"user_id": "ann", "sku": "shield", "tx_id": str(number)}


async def ids(spool: Spool) -> list[str]:
    return [one.kept.request["tx_id"] for one in await spool.waiting()]


async def test_what_is_kept_comes_out_in_order_until_it_is_done(
    tmp_path: Path, spool_at: MakeSpool
) -> None:
    spool = spool_at(tmp_path / "spool")
    assert spool.is_empty()
    for number in range(5):
        await spool.keep("claim", claim(number))

    waiting = await spool.waiting()
    await spool.done(waiting[1])
    await spool.done(waiting[3])

    assert [one.kept.request["tx_id"] for one in waiting] == ["0", "1", "2", "3", "4"]
    assert await ids(spool) == ["0", "2", "4"]


async def test_a_new_process_finds_what_the_old_one_kept(
    tmp_path: Path, spool_at: MakeSpool
) -> None:
    before = spool_at(tmp_path)
    await before.keep("claim", claim(1))
    before.close()
    after = spool_at(tmp_path)
    await after.keep("claim", claim(2))

    assert await ids(after) == ["1", "2"]


async def test_a_file_goes_when_all_of_it_is_done(tmp_path: Path, spool_at: MakeSpool) -> None:
    spool = spool_at(tmp_path)
    await spool.keep("claim", claim(1))
    for one in await spool.waiting():
        await spool.done(one)
    await spool.tidy()

    assert spool.is_empty()
    await spool.keep("claim", claim(2))
    assert await ids(spool) == ["2"]


async def test_the_file_of_a_process_that_lives_is_left_to_it(
    tmp_path: Path, spool_at: MakeSpool
) -> None:
    alive, other = spool_at(tmp_path), spool_at(tmp_path)
    await alive.keep("claim", claim(1))
    for one in await other.waiting():
        await other.done(one)
    await other.tidy()
    await alive.keep("claim", claim(2))

    assert await ids(other) == ["2"]


async def test_a_line_that_a_crash_cut_short_is_passed_over(
    tmp_path: Path, spool_at: MakeSpool
) -> None:
    spool = spool_at(tmp_path)
    await spool.keep("claim", claim(1))
    spool.close()
    [path] = tmp_path.glob(f"*{SUFFIX}")
    whole = path.read_bytes()
    for cut in range(1, len(whole)):
        path.write_bytes(whole + whole[:cut])
        kept = await ids(spool)

        # Cut right before its line's end it is whole, and nobody was told that it was not.
        assert kept == (["1", "1"] if cut == len(whole) - 1 else ["1"])


async def test_a_full_spool_says_so_and_keeps_what_it_has(
    tmp_path: Path, spool_at: MakeSpool
) -> None:
    spool = spool_at(tmp_path, 300)
    await spool.keep("claim", claim(0))
    with pytest.raises(SpoolFull):
        await asyncio.gather(*(spool.keep("claim", claim(number)) for number in range(1, 100)))

    kept = await ids(spool)
    assert 1 <= len(kept) < 10
    assert sum(path.stat().st_size for path in tmp_path.glob(f"*{SUFFIX}")) <= 300


async def test_one_replays_at_a_time(tmp_path: Path, spool_at: MakeSpool) -> None:
    one, other = spool_at(tmp_path), spool_at(tmp_path)
    async with one.replaying() as first, other.replaying() as second:
        assert (first, second) == (True, False)
    async with other.replaying() as again:
        assert again


async def test_files_are_for_their_owner_only(tmp_path: Path, spool_at: MakeSpool) -> None:
    spool = spool_at(tmp_path / "spool")
    await spool.keep("claim", claim(1))
    [path] = (tmp_path / "spool").glob(f"*{SUFFIX}")

    assert path.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "spool").stat().st_mode & 0o777 == 0o700


async def test_what_was_acknowledged_survives_a_kill(tmp_path: Path, spool_at: MakeSpool) -> None:
    program = """
        import asyncio, sys
        from pathlib import Path
        from bursar.claims.spool import Spool

        async def main():
            spool = Spool(Path(sys.argv[1]), 10_000_000)
            for number in range(100_000):
                await spool.keep("claim", {"tx_id": str(number)})
                print(number, flush=True)

        asyncio.run(main())
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ,
    ) as process:
        assert process.stdout is not None
        acknowledged = [process.stdout.readline() for _ in range(200)]
        process.kill()
        acknowledged += process.stdout.readlines()
    numbers = [int(line) for line in acknowledged if line.endswith("\n")]

    kept = [int(number) for number in await ids(spool_at(tmp_path))]
    assert kept[: len(numbers)] == numbers
    assert len(kept) <= len(numbers) + 1


async def test_many_at_once_are_all_kept(tmp_path: Path, spool_at: MakeSpool) -> None:
    spool = spool_at(tmp_path)
    await asyncio.gather(*(spool.keep("claim", claim(number)) for number in range(50)))

    assert sorted(await ids(spool), key=int) == [str(number) for number in range(50)]


async def test_a_disk_that_is_full_takes_nothing_by_halves(tmp_path: Path) -> None:
    program = """
        import asyncio, resource, sys
        from pathlib import Path
        from bursar.claims.spool import Spool

        async def main():
            spool = Spool(Path(sys.argv[1]), 10_000_000)
            resource.setrlimit(resource.RLIMIT_FSIZE, (500, resource.RLIM_INFINITY))
            failed = 0
            for number in range(20):
                try:
                    await spool.keep("claim", {"tx_id": str(number)})
                except OSError:
                    failed += 1
            resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
            await spool.keep("claim", {"tx_id": "last"})
            kept = [one.kept.request["tx_id"] for one in await spool.waiting()]
            assert failed > 5 and kept == [str(n) for n in range(20 - failed)] + ["last"], kept

        asyncio.run(main())
    """
    subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(tmp_path)], check=True, env=os.environ
    )


async def test_a_file_that_was_tidied_before_it_was_held_is_not_written_to(
    tmp_path: Path, spool_at: MakeSpool, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold, spool = fcntl.flock, spool_at(tmp_path)
    tidied: list[Path] = []

    def hold_late(file: object, how: int) -> None:
        [path] = tmp_path.glob(f"*{SUFFIX}")
        if not tidied:
            tidied.append(path)
            path.unlink()
        hold(file, how)  # type: ignore[arg-type]  # whatever it was given

    monkeypatch.setattr(fcntl, "flock", hold_late)
    await spool.keep("claim", claim(1))

    assert tidied
    assert await ids(spool_at(tmp_path)) == ["1"]


async def test_a_note_that_a_crash_cut_short_is_no_other_lines(
    tmp_path: Path, spool_at: MakeSpool
) -> None:
    spool = spool_at(tmp_path)
    for number in range(13):
        await spool.keep("claim", claim(number))
    waiting = await spool.waiting()
    await spool.done(waiting[12])
    [noted] = tmp_path.glob("*.done")
    whole = noted.read_bytes()
    for cut in range(1, len(whole) - 1):
        noted.write_bytes(whole[:cut])
        assert len(await ids(spool)) == 13
        await spool.done(waiting[11])
        assert {"0", "1", "12"} <= set(await ids(spool))


async def test_what_waits_is_counted_without_reading_it(
    tmp_path: Path, spool_at: MakeSpool
) -> None:
    one, other = spool_at(tmp_path), spool_at(tmp_path)
    assert await one.count() == 0
    for number in range(3):
        await one.keep("claim", claim(number))
        await other.keep("claim", claim(number))
    waiting = await one.waiting()
    await one.done(waiting[2])
    assert (await one.count(), await other.count()) == (5, 5)
