"""A database with a stand-in for the kernel: a few lines whose failures can be ordered.

So the engine is tested for what it does itself, also where a real verb would never fail that way.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.ledger.engine import Engine
from bursar.settings import Settings
from tests.relay import Relay, relay_before

STAND_IN = """
CREATE SCHEMA bursar;
CREATE TABLE bursar.effect (key text PRIMARY KEY, owner_id text NOT NULL, amount bigint);
CREATE TABLE bursar.purse (owner_id text PRIMARY KEY);
CREATE SEQUENCE bursar.failures;

CREATE FUNCTION bursar.carry(verb text, requests jsonb) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
    request jsonb;
    outcomes jsonb := '[]';
    busy boolean;
    wait float8 := 0.05;
    failures integer := coalesce(requests -> 0 ->> 'fails', '0')::integer;
BEGIN
    IF failures > 0 AND nextval('bursar.failures') <= failures THEN
        RAISE EXCEPTION 'ordered to fail' USING ERRCODE = requests -> 0 ->> 'fails_with';
    END IF;
    FOR request IN SELECT * FROM jsonb_array_elements(requests) LOOP
        IF request ->> 'poison' IS NOT NULL THEN
            RAISE EXCEPTION 'poisoned' USING ERRCODE = request ->> 'poison';
        END IF;
        PERFORM pg_sleep((request ->> 'sleep')::float8);
        busy := EXISTS (SELECT FROM bursar.purse WHERE owner_id = request ->> 'owner_id')
            AND NOT EXISTS (SELECT FROM bursar.purse
                WHERE owner_id = request ->> 'owner_id' FOR UPDATE SKIP LOCKED);
        IF busy THEN
            PERFORM pg_sleep(wait);  -- as a verb waits for locks, once in a batch
            wait := 0;
            outcomes := outcomes || jsonb_build_array(jsonb_build_object(
                'status', 'refused', 'code', 'BUSY', 'message', 'BUSY: held'));
        ELSE
            INSERT INTO bursar.effect VALUES
                (request ->> 'key', request ->> 'owner_id', (request ->> 'amount')::bigint)
                ON CONFLICT DO NOTHING;
            outcomes := outcomes || jsonb_build_array(jsonb_build_object(
                'status', 'done', 'verb', 'spend', 'owner_id', request ->> 'owner_id',
                'echo', request -> 'amount', 'key', request ->> 'key', 'replayed', NOT FOUND));
        END IF;
    END LOOP;
    RETURN outcomes;
END
$$;

CREATE FUNCTION bursar.read_wallet(p_owner_id text, p_asset text) RETURNS jsonb LANGUAGE sql AS
    $$ SELECT jsonb_build_object('owner_id', p_owner_id, 'asset', p_asset) $$;
"""

OpenEngine = Callable[..., Awaitable[Engine]]


@pytest.fixture
def stand_in(empty_database: ScratchDatabase) -> ScratchDatabase:
    """A database whose verbs are the stand-in."""
    empty_database.connect().execute(STAND_IN.encode())
    return empty_database


@pytest.fixture
async def open_engine(stand_in: ScratchDatabase) -> AsyncIterator[OpenEngine]:
    """Open engines on the stand-in, with settings by name; they are closed after the test."""
    opened: list[Engine] = []

    async def open_one(url: str = "", **settings: Any) -> Engine:
        chosen = replace(Settings(pool_size_max=2), **settings)
        engine = await Engine.open(url or stand_in.url, chosen)
        opened.append(engine)
        return engine

    yield open_one
    for engine in opened:
        await engine.close()


@pytest.fixture
def holder(open_engine: OpenEngine, stand_in: ScratchDatabase) -> Iterator[psycopg.Connection]:
    """A session that keeps every batch on its way until it rolls back, before engines are closed.

    What has come about may be read meanwhile.
    """
    session = stand_in.connect(autocommit=False)
    session.execute("LOCK TABLE bursar.effect IN SHARE MODE")
    yield session
    session.rollback()


@pytest.fixture
async def relay(stand_in: ScratchDatabase) -> AsyncIterator[Relay]:
    """A relay before the stand-in."""
    async with relay_before(stand_in) as relay:
        yield relay
