import asyncio
import time
from uuid import uuid4

import httpx
import jwt
import pytest

import bursar
from bursar.client import Bank
from bursar.db.scratch import ScratchDatabase
from bursar.errors import Refused
from bursar.http.app import create_app
from bursar.ledger.engine import Engine
from bursar.model import Outcome
from bursar.remote import open_remote


async def test_every_verb_of_the_ledger_is_a_method_with_a_typed_outcome(
    database: ScratchDatabase,
) -> None:
    ada, bob = str(uuid4()), str(uuid4())
    async with bursar.connect(database.service_url) as bank:
        granted = await bank.grant(owner_id=ada, asset="credit", amount=100, key="g1")
        again = await bank.grant(owner_id=ada, asset="credit", amount=100, key="g1")
        assert (granted.balance, granted.replayed, again.replayed) == (100, False, True)
        assert again.transaction_id == granted.transaction_id
        spent = await bank.spend(owner_id=ada, asset="credit", amount=10, metadata={"for": "tea"})
        assert (spent.done, spent.balance) == (True, 90)
        moved = await bank.transfer(owner_id=ada, to_owner_id=bob, asset="credit", amount=20)
        assert moved.balance == 70
        held = await bank.hold(owner_id=ada, asset="credit", amount=30, expires_in_seconds=60)
        assert (held.balance, held.held, held.available) == (70, 30, 40)
        assert held.hold_id is not None
        taken = await bank.capture(hold_id=held.hold_id, amount=10, final=False)
        assert (taken.balance, taken.held) == (60, 20)
        released = await bank.release(hold_id=held.hold_id)
        assert (released.balance, released.held) == (60, 0)
        assert spent.transaction_id is not None
        refunded = await bank.refund(transaction_id=spent.transaction_id, amount=4)
        assert refunded.balance == 64
        adjusted = await bank.adjust(owner_id=ada, asset="credit", amount=-4, actor="operator:ann")
        assert adjusted.balance == 60
        frozen = await bank.freeze(owner_id=bob, asset="credit")
        assert frozen.done
        refused = await bank.spend(owner_id=bob, asset="credit", amount=1)
        assert refused.code == "WALLET_FROZEN"
        with pytest.raises(Refused, match="WALLET_FROZEN: "):
            refused.or_raise()


async def test_a_database_with_another_level_of_its_own_is_written_to_all_the_same(
    database: ScratchDatabase,
) -> None:
    database.connect().execute(
        f"ALTER DATABASE {database.name} SET default_transaction_isolation = 'serializable'"
    )
    ada = str(uuid4())
    async with bursar.connect(database.service_url) as bank:
        granted = await bank.grant(owner_id=ada, asset="credit", amount=100)
        assert (granted.done, granted.balance) == (True, 100)
        await bank.create_reward(name="Tea", cost=60, creator_id=ada)


async def test_a_batch_funds_later_requests_from_earlier_ones(database: ScratchDatabase) -> None:
    ada, bob = str(uuid4()), str(uuid4())
    credit = {"asset": "credit", "amount": 5}
    async with bursar.connect(database.service_url) as bank:
        outcomes = await bank.batch(
            [
                {"verb": "grant", "owner_id": ada, **credit},
                {"verb": "transfer", "owner_id": ada, "to_owner_id": bob, **credit},
                {"verb": "spend", "owner_id": bob, **credit},
                {"verb": "spend", "owner_id": ada, **credit},
            ]
        )
        assert [one.code for one in outcomes if isinstance(one, Outcome)] == [
            None,
            None,
            None,
            "INSUFFICIENT_FUNDS",
        ]
        assert bank.engine.statistics.round_trips == 1


async def test_a_reward_is_created_and_bought(database: ScratchDatabase) -> None:
    ada, bob = str(uuid4()), str(uuid4())
    async with bursar.connect(database.service_url) as bank:
        reward_id = await bank.create_reward(name="Tea", cost=60, creator_id=bob)
        await bank.grant(owner_id=ada, asset="credit", amount=100)
        bought = await bank.purchase_reward(reward_id=reward_id, collector_id=ada)
        assert (bought.done, bought.price, bought.balance) == (True, 60, 40)
        twice = await bank.purchase_reward(reward_id=reward_id, collector_id=ada)
        assert twice.code == "ALREADY_COLLECTED"
        with pytest.raises(Refused, match="MALFORMED") as caught:
            await bank.create_reward(name="Tea", cost=0, creator_id=bob)
        assert caught.value.details == {"field": "p_cost"}


async def test_a_wallet_held_by_a_forgotten_session_delays_only_its_own_requests(
    database: ScratchDatabase,
) -> None:
    owners = [str(uuid4()) for _ in range(30)]
    settings = bursar.Settings(busy_timeout_ms=60_000)
    async with bursar.connect(database.service_url, settings=settings) as bank:
        await asyncio.gather(
            *(bank.grant(owner_id=owner, asset="credit", amount=100) for owner in owners)
        )
        forgotten = database.connect(autocommit=False)
        forgotten.execute(
            "SELECT FROM public.user_credits WHERE user_id = %s FOR UPDATE", [owners[0]]
        )
        stuck = asyncio.create_task(bank.spend(owner_id=owners[0], asset="credit", amount=1))
        await asyncio.sleep(0.35)
        for _ in range(5):
            outcomes = await asyncio.gather(
                *(bank.spend(owner_id=owner, asset="credit", amount=1) for owner in owners[1:])
            )
            assert all(outcome.done for outcome in outcomes)
        assert not stuck.done()
        forgotten.rollback()
        assert (await stuck).done
        assert (await bank.spend(owner_id=owners[0], asset="credit", amount=1)).done
        assert bank.engine.busy_payers == 0


async def test_connections_killed_under_load_lose_nothing_and_double_nothing(
    database: ScratchDatabase,
) -> None:
    spent = {str(uuid4()): 0 for _ in range(8)}
    # More tries than there are kills, since they may all meet one batch, and patience for those
    # that wait behind it.
    settings = bursar.Settings(
        retry_attempts=60, retry_backoff_ms=5, request_timeout_ms=120_000, busy_timeout_ms=60_000
    )
    killer = database.connect()
    killed: set[int] = set()
    async with bursar.connect(database.service_url, settings=settings) as bank:
        for owner in spent:
            await bank.grant(owner_id=owner, asset="credit", amount=1_000_000)

        async def spender(owner: str) -> None:
            while len(killed) < 20:
                assert (await bank.spend(owner_id=owner, asset="credit", amount=1)).done
                spent[owner] += 1

        spending = asyncio.gather(*(spender(owner) for owner in spent))
        # No kill beyond the last: on a slow machine a connection's first batch outlives no pause.
        while len(killed) < 20 and not spending.done():
            await asyncio.sleep(0.02)
            rows = killer.execute(
                "SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND datname = current_database()"
                " AND state = 'active' AND query LIKE '%spend%'"
            )
            killed.update(pid for pid, _ in rows.fetchall())
        await spending
        assert bank.engine.statistics.retries > 0
        balances = killer.execute("SELECT user_id::text, 1000000 - balance FROM user_credits")
        assert dict(balances.fetchall()) == spent


async def test_reading_a_wallet_and_its_statement_page_by_page(database: ScratchDatabase) -> None:
    ada = str(uuid4())
    async with bursar.connect(database.service_url) as bank:
        assert await bank.wallet(ada, "credit") is None
        await bank.grant(owner_id=ada, asset="credit", amount=100)
        for amount in range(1, 8):
            await bank.spend(owner_id=ada, asset="credit", amount=amount)
        wallet = await bank.wallet(ada, "credit")
        assert wallet is not None
        assert (wallet.balance, wallet.available, wallet.held, wallet.owed) == (72, 72, 0, 0)
        assert wallet.status == "open"
        lines = [line async for line in bank.statement(ada, "credit", page_size=3)]
        assert [line.amount for line in lines] == [-7, -6, -5, -4, -3, -2, -1, 100]
        assert [line.seq for line in lines] == list(range(wallet.seq, wallet.seq - 8, -1))
        assert lines[0].balance_after == 72
        assert await bank.explain(ada, "credit") is not None


async def test_the_same_verbs_over_http(database: ScratchDatabase) -> None:
    secret = "a secret for tests, long enough by far"
    settings = bursar.Settings(jwt_secret=secret, database_url=database.service_url)
    token = jwt.encode({"role": "service_role", "exp": time.time() + 600}, secret, "HS256")
    ada, bob = str(uuid4()), str(uuid4())
    async with await Engine.open(database.service_url, settings) as inner:
        transport = httpx.ASGITransport(create_app(inner, settings))
        engine = await open_remote(
            "http://test", token=token, settings=settings, transport=transport
        )
        async with engine:
            bank = Bank(engine)
            granted = await bank.grant(owner_id=ada, asset="credit", amount=100, key="k")
            again = await bank.grant(owner_id=ada, asset="credit", amount=100, key="k")
            assert (granted.balance, again.balance, again.replayed) == (100, 100, True)
            poor = await bank.spend(owner_id=ada, asset="credit", amount=1000)
            assert poor.code == "INSUFFICIENT_FUNDS"
            held = await bank.hold(owner_id=ada, asset="credit", amount=10)
            assert held.hold_id is not None
            assert (await bank.capture(hold_id=held.hold_id)).balance == 90
            outcomes = await asyncio.gather(
                *(bank.spend(owner_id=ada, asset="credit", amount=1) for _ in range(10)),
                bank.spend(owner_id=ada, asset="Not An Asset", amount=1),
            )
            assert [one.code for one in outcomes] == [None] * 10 + ["MALFORMED"]
            wallet = await bank.wallet(ada, "credit")
            assert wallet is not None
            assert wallet.balance == 80
            assert await bank.wallet(bob, "credit") is None
            lines = [line async for line in bank.statement(ada, "credit", page_size=5)]
            assert len(lines) == 12
            reward_id = await bank.create_reward(name="Tea", cost=60, creator_id=bob)
            bought = await bank.purchase_reward(reward_id=reward_id, collector_id=ada)
            assert (bought.done, bought.price, bought.balance) == (True, 60, 20)
            twice = await bank.purchase_reward(reward_id=reward_id, collector_id=ada)
            assert twice.code == "ALREADY_COLLECTED"
