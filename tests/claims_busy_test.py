"""A wallet that somebody holds is not a database that is away: nothing is kept because of it."""

from pathlib import Path

import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.http import durable
from bursar.http.conftest import shop_of
from tests.app_store import BOOSTER
from tests.patience import PATIENCE_SECONDS


async def test_a_claim_or_event_of_a_held_wallet_is_told_busy_however_long_that_takes(
    database: ScratchDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable, "PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(durable, "MOMENT_SECONDS", PATIENCE_SECONDS)
    spool = tmp_path / "spool"
    async with shop_of(
        database, busy_timeout_ms=400, lock_timeout_ms=50, spool_directory=str(spool)
    ) as shop:
        first = await shop.sold()
        await shop.claim(first)
        second = await shop.sold(first.user_id, BOOSTER)
        holder = database.connect(autocommit=False)
        holder.execute("SELECT FROM user_wallet_balances FOR UPDATE")

        answers = [await shop.claim(second), await shop.bring(first.refunded())]

        assert [(one.status_code, one.json()["code"]) for one in answers] == [(503, "BUSY")] * 2
        assert list(spool.glob("*.spool")) == []
        holder.rollback()
