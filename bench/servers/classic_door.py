"""What the classic function usually stands behind: FastAPI, asyncpg, a token verified with PyJWT.

The same uvicorn, event loop and parser as ours, no access log, no metrics, no key.
"""

import contextlib
import importlib
import os
from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

import jwt
from fastapi import Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel

from bench.paths.path import POOL_SIZE
from bench.servers.bursar_door import say
from bursar.http.serve import serve
from bursar.settings import Settings

asyncpg: Any = importlib.import_module("asyncpg")  # it has no types
_SECRET = os.environ["BURSAR_JWT_SECRET"]


class Purchase(BaseModel):
    """The body of a request to buy."""

    reward_id: UUID
    buyer_id: UUID


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    url = os.environ["BURSAR_DATABASE_URL"]
    async with asyncpg.create_pool(url, min_size=POOL_SIZE, max_size=POOL_SIZE) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=_lifespan)


async def signed_in(authorization: Annotated[str, Header()]) -> str:
    """Return who sent the request, by their token."""
    try:
        claims = jwt.decode(authorization.removeprefix("Bearer "), _SECRET, algorithms=["HS256"])
    except jwt.InvalidTokenError as error:
        raise HTTPException(401) from error
    return str(claims["sub"])


@app.post("/purchases")
async def purchase(order: Purchase, user: Annotated[str, Depends(signed_in)]) -> dict[str, Any]:
    """Buy for oneself."""
    if user != str(order.buyer_id):
        raise HTTPException(403)
    try:
        balance = await app.state.pool.fetchval(
            "SELECT purchase_reward($1, $2)", order.reward_id, order.buyer_id
        )
    except asyncpg.RaiseError as error:
        raise HTTPException(402, str(error)) from error
    return {"reward_id": order.reward_id, "balance": balance}


if __name__ == "__main__":
    serve(Settings.from_environment(), "127.0.0.1", 0, app=app, on_ready=say)
