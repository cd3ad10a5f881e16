import asyncio
from typing import Any

import pytest

from bursar.http.conftest import Door

OBJECT = {"accept": "application/vnd.pgrst.object+json"}
COUNT = {"prefer": "count=exact"}


class Shop:
    """Three rewards of one seller, and a buyer who has bought the first."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.buyer, self.me = door.user()
        self.seller, self.owner = door.user()
        self.rewards: list[str] = []

    async def get(self, path: str, **headers: str) -> Any:
        return await self.door.client.get(f"/rest/v1/{path}", headers=self.me | headers)


@pytest.fixture
async def shop(door: Door) -> Shop:
    made = Shop(door)
    await door.grant(made.buyer, 1000)
    for cost in (10, 20, 30):
        made.rewards.append(await door.reward(made.owner, cost))
    assert (await door.buy(made.rewards[0], made.buyer, made.me)).status_code == 200
    return made


async def test_columns_filters_order_and_pages(shop: Shop) -> None:
    rows = (await shop.get("rewards?order=cost.desc")).json()
    assert [row["cost"] for row in rows] == [30, 20, 10]
    rows = (await shop.get("rewards?select=price:cost,name&cost=gt.10&order=cost&limit=1")).json()
    assert rows == [{"price": 20, "name": "Sticker"}]
    answer = await shop.get("rewards?select=cost&order=cost&offset=1&limit=1", **COUNT)
    assert (answer.status_code, answer.json()) == (206, [{"cost": 20}])
    assert answer.headers["content-range"] == "1-1/3"
    answer = await shop.get("rewards?select=cost&order=cost", range="0-1")
    assert (answer.status_code, answer.headers["content-range"]) == (200, "0-1/*")


CONDITIONS: tuple[Any, ...] = (
    ("cost=eq.20", [20]),
    ("cost=neq.20", [10, 30]),
    ("cost=lt.20", [10]),
    ("cost=lte.20", [10, 20]),
    ("cost=gte.20", [20, 30]),
    ("cost=in.(10,30)", [10, 30]),
    ("cost=not.in.(10,30)", [20]),
    ("cost=in.()", []),
    ("cost=gt.10&cost=lt.30", [20]),
    ("name=like.St*", [10, 20, 30]),
    ("name=ilike.*TICK*", [10, 20, 30]),
    ("name=not.like.*", []),
    ("is_active=is.true", [10, 20, 30]),
    ("is_active=is.false", []),
    ("is_active=not.is.true", []),
    ("description=is.null", []),
    ("description=is.not_null", [10, 20, 30]),
    ("description=eq.", [10, 20, 30]),
    ("name=eq.x'%20OR%20true--", []),
    ("name=eq.%25s", []),
)


async def test_every_operator_filters(shop: Shop) -> None:
    for condition, costs in CONDITIONS:
        rows = (await shop.get(f"rewards?select=cost&order=cost&{condition}")).json()
        assert [row["cost"] for row in rows] == costs, condition


async def test_the_row_that_a_foreign_key_leads_to_is_embedded(shop: Shop) -> None:
    rows = (await shop.get("collected_rewards?select=price,rewards(name,cost)")).json()
    assert rows == [{"price": 10, "rewards": {"name": "Sticker", "cost": 10}}]
    rows = (await shop.get("collected_rewards?select=price,what:reward_id(*)")).json()
    assert rows[0]["what"]["id"] == shop.rewards[0]
    answer = await shop.get("collected_rewards?select=price,rewards!inner(cost)", **COUNT)
    assert answer.headers["content-range"] == "0-0/1"
    answer = await shop.get("rewards?select=*,collected_rewards(*)")
    assert (answer.status_code, answer.json()["code"]) == (400, "PGRST200")


async def test_users_see_only_what_is_theirs(shop: Shop) -> None:
    for path in (
        "collected_rewards?select=price",
        "credit_transactions?select=amount",
        "user_credits?select=balance",
    ):
        mine = await shop.get(path)
        assert mine.status_code == 200
        assert mine.json() != []
        _, stranger = shop.door.user()
        theirs = await shop.door.client.get(f"/rest/v1/{path}", headers=stranger)
        assert theirs.json() == []
        nobody = await shop.door.client.get(f"/rest/v1/{path}")
        assert (nobody.status_code, nobody.json()["code"]) == (401, "42501")


async def test_anybody_sees_active_rewards_and_nothing_else(shop: Shop) -> None:
    path = f"/rest/v1/rewards?id=eq.{shop.rewards[1]}"
    changed = await shop.door.client.patch(path, json={"is_active": False}, headers=shop.owner)
    assert (changed.status_code, changed.content) == (204, b"")
    rows = (await shop.door.client.get("/rest/v1/rewards?select=cost&order=cost")).json()
    assert [row["cost"] for row in rows] == [10, 30]


async def test_a_single_row_is_an_object_or_406(shop: Shop) -> None:
    path = f"rewards?select=cost&id=eq.{shop.rewards[0]}"
    answer = await shop.get(path, **OBJECT)
    assert answer.json() == {"cost": 10}
    assert answer.headers["content-type"].startswith("application/vnd.pgrst.object+json")
    for path in ("rewards?cost=eq.99", "rewards?cost=gt.1"):
        answer = await shop.get(path, **OBJECT)
        assert (answer.status_code, answer.json()["code"]) == (406, "PGRST116")


UNREADABLE: tuple[Any, ...] = (
    ("nothing", 404, "PGRST205"),
    ("pg_class", 404, "PGRST205"),
    ("rewards%00", 404, "PGRST205"),
    ('rewards"', 404, "PGRST205"),
    ("bursar.entry", 404, "PGRST205"),
    ("%ff", 422, "UB001"),
    ("rewards?nothing=eq.1", 400, "42703"),
    ("rewards?select=nothing", 400, "42703"),
    ("rewards?order=nothing", 400, "42703"),
    ("rewards?ctid=eq.(0,1)", 400, "42703"),
    ("rewards?cost=eq.abc", 400, "22P02"),
    ("rewards?id=eq.1", 400, "22P02"),
    ("rewards?cost=eq.99999999999999999999", 400, "22003"),
    ("rewards?name=eq.%00", 400, "22021"),
    ("rewards?name=eq.%ff", 400, "UB001"),
    ("rewards?cost=like.1*", 404, "42883"),
    ("rewards?is_active=is.unknown&cost=is.true", 400, "42804"),
    ("rewards?select=rewards(name)", 400, "PGRST200"),
)


async def test_what_cannot_be_read_is_refused(shop: Shop) -> None:
    for path, status, code in UNREADABLE:
        answer = await shop.get(path)
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


async def test_a_page_beyond_the_end_is_416(shop: Shop) -> None:
    answer = await shop.get("rewards?offset=9", **COUNT)
    assert (answer.status_code, answer.headers["content-range"]) == (416, "*/3")
    assert (await shop.get("rewards?offset=9")).json() == []


async def test_head_answers_the_count_alone(shop: Shop) -> None:
    answer = await shop.door.client.head("/rest/v1/rewards?select=id", headers=COUNT)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-range"] == "0-2/3"


async def test_rewards_are_created_by_insert(shop: Shop) -> None:
    row = {"name": "Mug", "cost": 5, "creator_id": shop.seller}
    post, path = shop.door.client.post, "/rest/v1/rewards"
    shown = shop.owner | {"prefer": "return=representation"}
    answer = await post(f"{path}?select=name,cost", json=row, headers=shown | OBJECT)
    assert (answer.status_code, answer.json()) == (201, {"name": "Mug", "cost": 5})
    answer = await post(path, json=[row, row], headers=shown)
    assert [made["cost"] for made in answer.json()] == [5, 5]
    answer = await post(path, json=row, headers=shop.owner)
    assert (answer.status_code, answer.content) == (201, b"")
    assert (await shop.get("rewards?name=eq.Mug", **COUNT)).headers["content-range"] == "0-3/4"


async def test_an_insert_is_what_row_level_security_allows(shop: Shop) -> None:
    post = shop.door.client.post
    foreign = {"name": "Mug", "cost": 5, "creator_id": shop.buyer}
    answer = await post("/rest/v1/rewards", json=foreign, headers=shop.owner)
    assert (answer.status_code, answer.json()["code"]) == (403, "42501")
    assert (await post("/rest/v1/rewards", json=foreign)).status_code == 401
    for table, row in (
        ("user_credits", {"user_id": shop.buyer, "balance": 10**6}),
        (
            "collected_rewards",
            {"reward_id": shop.rewards[2], "collector_id": shop.buyer, "price": 1},
        ),
    ):
        answer = await post(f"/rest/v1/{table}", json=row, headers=shop.me)
        assert answer.status_code == 403, answer.text
    answer = await shop.door.client.patch(
        f"/rest/v1/user_credits?user_id=eq.{shop.buyer}", json={"balance": 10**6}, headers=shop.me
    )
    assert answer.status_code == 403
    assert await shop.door.balance(shop.buyer) == 990


async def test_a_change_of_other_than_one_row_is_undone_when_one_was_wanted(shop: Shop) -> None:
    headers = shop.owner | OBJECT | {"prefer": "return=representation"}
    path = f"/rest/v1/rewards?creator_id=eq.{shop.seller}"
    answer = await shop.door.client.patch(path, json={"name": "All"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (406, "PGRST116")
    assert (await shop.get("rewards?name=eq.All")).json() == []
    path = f"/rest/v1/rewards?id=eq.{shop.rewards[1]}&select=name"
    answer = await shop.door.client.patch(path, json={"name": "One"}, headers=headers)
    assert (answer.status_code, answer.json()) == (200, {"name": "One"})


async def test_a_strangers_reward_is_not_changed(shop: Shop) -> None:
    answer = await shop.door.client.patch(
        f"/rest/v1/rewards?id=eq.{shop.rewards[1]}",
        json={"cost": 1},
        headers=shop.me | {"prefer": "return=representation"},
    )
    assert answer.status_code in (200, 403)
    assert (await shop.get(f"rewards?select=cost&id=eq.{shop.rewards[1]}")).json() == [{"cost": 20}]


BODIES: tuple[Any, ...] = (
    ("POST", b"", "PGRST102"),
    ("POST", b"[]", "PGRST102"),
    ("POST", b"7", "PGRST102"),
    ("POST", b'[{"name":"a"},{"cost":1}]', "PGRST102"),
    ("POST", b'[{"name":"a"},7]', "PGRST102"),
    ("POST", b'{"nothing":1}', "42703"),
    ("POST", b'{"cost":"x","name":"n"}', "22P02"),
    ("POST", b'{"cost":1.5,"name":"n"}', "22P02"),
    ("POST", b'{"cost":1e400,"name":"n"}', "PGRST102"),
    ("POST", b'{"name":"a","name":"b"}', "UB001"),
    ("POST", b'{"name":"\\u0000"}', "UB001"),
    ("POST", b"{}", "23502"),
    ("PATCH", b"[]", "PGRST102"),
    ("PATCH", b"{", "PGRST102"),
    ("PATCH", b'{"nothing":1}', "42703"),
    ("PATCH", b"{}", "PGRST100"),
)


async def test_a_body_that_does_not_fit_is_refused(shop: Shop) -> None:
    for method, body, code in BODIES:
        answer = await shop.door.client.request(
            method, "/rest/v1/rewards", content=body, headers=shop.owner
        )
        assert answer.status_code in (400, 403, 422), answer.text
        assert answer.json()["code"] in (code, "42501"), answer.text


async def test_a_new_column_and_table_are_found_without_a_restart(shop: Shop) -> None:
    await shop.get("rewards")
    shop.door.database.connect().execute(
        "CREATE TABLE public.t_late (a int); GRANT SELECT ON public.t_late TO authenticated"
    )
    await asyncio.sleep(1.1)
    assert (await shop.get("t_late")).json() == []
    shop.door.database.connect().execute("ALTER TABLE public.t_late ADD COLUMN b int")
    await asyncio.sleep(1.1)
    assert (await shop.get("t_late?b=is.null")).status_code == 200


async def test_methods_that_are_not_offered_are_405(shop: Shop) -> None:
    answer = await shop.door.client.delete("/rest/v1/rewards", headers=shop.owner)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS, PATCH, POST")


async def test_a_name_may_contain_a_percent_sign(door: Door) -> None:
    _, user = door.user()
    await door.reward(user, 5)

    answer = await door.client.get(
        "/rest/v1/rewards", params={"select": "100%:cost", "is_active": "eq.true"}, headers=user
    )

    assert answer.status_code == 200, answer.text
    assert answer.json() == [{"100%": 5}]
