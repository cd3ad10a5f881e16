"""A shop that does everything wrong that a race can find: `python double_seller.py PORT`.

It reads a balance, waits a moment as a slow handler does, and writes what it read less the price.
It remembers no key. It answers at the addresses of a real deployment, as far as a race needs them.
"""

import asyncio
import sys
import uuid
from collections import Counter
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

SLOW_SECONDS = 0.5

balances: Counter[str] = Counter()
rewards: dict[str, tuple[str, int]] = {}
collected: list[tuple[str, str]] = []


async def health(request: Request) -> JSONResponse:
    return JSONResponse({"status": "ok"})


async def create_reward(request: Request) -> JSONResponse:
    body = await request.json()
    made = str(uuid.uuid4())
    rewards[made] = (body["p_creator_id"], body["p_cost"])
    return JSONResponse(made)


async def batch(request: Request) -> JSONResponse:
    outcomes = []
    for one in (await request.json())["requests"]:
        balances[one["owner_id"]] += one.get("amount", 0)  # nothing moves when it is closed
        outcomes.append({"status": "done"})
    return JSONResponse({"outcomes": outcomes})


async def buy(request: Request) -> JSONResponse:
    body = await request.json()
    reward_id = body.get("reward_id") or body["p_reward_id"]
    collector_id = body.get("collector_id") or body["p_collector_id"]
    creator_id, cost = rewards[reward_id]
    before, earned = balances[collector_id], balances[creator_id]
    if before < cost:
        message = {"code": "UB050", "message": "INSUFFICIENT_FUNDS: No."}
        return JSONResponse(message, status_code=402)
    await asyncio.sleep(SLOW_SECONDS)
    balances[collector_id] = before - cost
    balances[creator_id] = earned + cost
    collected.append((reward_id, collector_id))
    return JSONResponse({"status": "done", "balance": before - cost})


async def spend(request: Request) -> JSONResponse:
    body = await request.json()
    balances[body["owner_id"]] -= body["amount"]
    return JSONResponse({"status": "done", "balance": balances[body["owner_id"]]}, status_code=201)


async def wallet(request: Request) -> JSONResponse:
    return JSONResponse({"balance": balances[request.path_params["owner_id"]]})


async def explain(request: Request) -> JSONResponse:
    return JSONResponse({"balance": balances[request.path_params["owner_id"]], "agrees": False})


async def collectors(request: Request) -> JSONResponse:
    wanted = request.query_params["reward_id"].removeprefix("eq.")
    found: list[dict[str, Any]] = [{} for reward_id, _ in collected if reward_id == wanted]
    return JSONResponse(found)


async def retire(request: Request) -> JSONResponse:
    return JSONResponse({})


app = Starlette(
    routes=[
        Route("/health", health),
        Route("/rest/v1/rpc/create_reward", create_reward, methods=["POST"]),
        Route("/rest/v1/rpc/purchase_reward", buy, methods=["POST"]),
        Route("/rest/v1/collected_rewards", collectors),
        Route("/rest/v1/rewards", retire, methods=["PATCH"]),
        Route("/v1/purchases", buy, methods=["POST"]),
        Route("/v1/spends", spend, methods=["POST"]),
        Route("/v1/batch", batch, methods=["POST"]),
        Route("/v1/wallets/{owner_id}", wallet),
        Route("/v1/wallets/{owner_id}/explain", explain),
    ]
)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error")
