"""A database that takes no writes any more: said at once, nothing is lost, and reading goes on."""

import asyncio
import time
from pathlib import Path

from bursar.db.scratch import ScratchDatabase
from bursar.http.conftest import Shop, shop_of
from tests import app_store
from tests.patience import PATIENCE_SECONDS


async def until(shop: Shop, *, degraded: bool) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (await shop.client.get("/health")).json()["degraded"] is not degraded:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def test_changes_pause_events_are_kept_and_reading_goes_on(
    database: ScratchDatabase, tmp_path: Path
) -> None:
    admin = database.connect()

    def read_only(value: str) -> None:
        """Turn the database, and sessions that are open with it, as a failover would."""
        admin.execute("SET default_transaction_read_only = off")
        admin.execute(
            f"ALTER DATABASE {database.name} SET default_transaction_read_only = {value}".encode()
        )
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    spool = tmp_path / "spool"
    async with shop_of(database, spool_directory=str(spool), worker_interval_ms=50) as shop:
        owner, me = shop.user()
        await shop.grant(owner, 5)
        grant = {"owner_id": owner, "asset": "credit", "amount": 1}

        read_only("on")
        await until(shop, degraded=True)

        answer = await shop.client.post("/v1/grants", json=grant, headers=shop.service)
        assert (answer.status_code, answer.json()["code"]) == (503, "DEGRADED")
        assert "retry-after" in answer.headers
        wallet = await shop.client.get(f"/v1/wallets/{owner}?asset=credit", headers=me)
        assert (wallet.status_code, wallet.json()["balance"]) == (200, 5)
        assert (await shop.client.get("/health")).status_code == 200
        sale = app_store.Sold(app_store.new_user(), app_store.SHIELD)
        kept = await shop.bring(sale.bought())
        assert (kept.status_code, kept.json()["effect"]) == (200, "spooled")
        assert (await shop.claim(sale)).status_code in (202, 503)

        read_only("off")
        await until(shop, degraded=False)

        deadline = time.monotonic() + PATIENCE_SECONDS
        while (claimed := await shop.claim(sale)).status_code != 200:
            assert time.monotonic() < deadline, claimed.text
            await asyncio.sleep(0.1)
        assert shop.shields(sale.user_id) == 1
        done = await shop.client.post("/v1/grants", json=grant, headers=shop.service)
        assert done.status_code == 201
