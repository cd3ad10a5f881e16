"""Reads of `/v1`: who sees which wallet, statement, hold and transaction."""

import uuid
from typing import Any

from bursar.http.conftest import Door, service_post

OWNER, OTHER = str(uuid.uuid4()), str(uuid.uuid4())


async def test_a_user_reads_their_own_wallet_and_nobody_elses(door: Door) -> None:
    (user, me), (other, _) = door.user(), door.user()
    await door.grant(user, 100)
    await door.grant(other, 70)
    for suffix in ("", "/statement", "/explain"):
        mine = await door.client.get(f"/v1/wallets/{user}{suffix}?asset=credit", headers=me)
        assert mine.status_code == 200
        unknown = str(uuid.uuid4())
        texts = []
        for owner in (other, unknown, "system:issuance", user.upper(), f"{user}%20"):
            answer = await door.client.get(f"/v1/wallets/{owner}{suffix}?asset=credit", headers=me)
            assert answer.status_code == 403, (owner, answer.text)
            texts.append({**answer.json(), "request_id": ""})
        assert all(text == texts[0] for text in texts)


async def test_somebody_elses_hold_and_transaction_look_like_none(door: Door) -> None:
    (user, me), (other, _) = door.user(), door.user()
    await door.grant(user, 100)
    await door.grant(other, 70)
    holds = [
        (
            await service_post(
                door, "/v1/holds", {"owner_id": owner, "asset": "credit", "amount": 5}
            )
        ).json()
        for owner in (user, other)
    ]
    for kind, field in (("holds", "hold_id"), ("transactions", "transaction_id")):
        mine = await door.client.get(f"/v1/{kind}/{holds[0][field]}", headers=me)
        theirs = await door.client.get(f"/v1/{kind}/{holds[1][field]}", headers=me)
        none = await door.client.get(f"/v1/{kind}/999999999", headers=me)
        assert mine.status_code == 200, mine.text
        assert mine.json()["owner_id"] == user
        assert (theirs.status_code, none.status_code) == (404, 404)
        assert {**theirs.json(), "request_id": ""} == {**none.json(), "request_id": ""}


async def test_of_a_transaction_a_user_sees_only_their_own_entries(door: Door) -> None:
    (buyer, me), (_, seller) = door.user(), door.user()
    await door.grant(buyer, 100)
    bought = (await door.buy(await door.reward(seller, 60), buyer, me)).json()
    path = f"/v1/transactions/{bought['transaction_id']}"
    mine = (await door.client.get(path, headers=me)).json()
    assert [entry["owner_id"] for entry in mine["entries"]] == [buyer]
    whole = (await door.client.get(path, headers=door.service)).json()
    assert sum(entry["amount"] for entry in whole["entries"]) == 0


async def test_a_statement_is_read_page_by_page(door: Door) -> None:
    user, me = door.user()
    for amount in range(1, 8):
        await door.grant(user, amount)
    path: str | None = f"/v1/wallets/{user}/statement?asset=credit&limit=3"
    pages: list[list[int]] = []
    while path is not None:
        page = (await door.client.get(path, headers=me)).json()
        pages.append([entry["seq"] for entry in page["entries"]])
        path = page["next"]
    assert pages == [[7, 6, 5], [4, 3, 2], [1]]


QUERIES: tuple[Any, ...] = (
    "",
    "asset=",
    "asset=Credit",
    "asset=credit&asset=credit",
    "asset=credit&limit=0",
    "asset=credit&limit=201",
    "asset=credit&limit=1.5",
    "asset=credit&before_seq=x",
    "asset=credit&before_seq=-1",
    "asset=credit&surprise=1",
    "asset=%00",
    "asset=credit&limit=%C2%B2",
    "&".join(f"a{n}=1" for n in range(100)),
    "asset=%ff",
)


async def test_a_query_that_cannot_be_read_is_refused(door: Door) -> None:
    for query in QUERIES:
        answer = await door.client.get(f"/v1/wallets/o/statement?{query}", headers=door.service)
        assert answer.status_code in (400, 422), answer.text
        assert answer.json()["code"] == "MALFORMED"


OWNERS: tuple[Any, ...] = (
    "%00",
    "%ff",
    "x" * 256,
    "%C3%BC",
    "a%0Ab",
)


async def test_an_owner_that_is_none_is_refused(door: Door) -> None:
    for owner in OWNERS:
        answer = await door.client.get(f"/v1/wallets/{owner}?asset=credit", headers=door.service)
        assert (answer.status_code, answer.json()["code"]) == (422, "MALFORMED"), owner


async def test_an_owner_may_have_a_slash_and_other_signs_in_the_name(door: Door) -> None:
    body = {"owner_id": "team/7?&%", "asset": "community", "amount": 5}
    made = await service_post(door, "/v1/grants", body)
    if made.status_code == 201:
        path = "/v1/wallets/team%2F7%3F%26%25?asset=community"
        answer = await door.client.get(path, headers=door.service)
        assert answer.json()["balance"] == 5
    absent = await door.client.get("/v1/wallets/team%2F8?asset=credit", headers=door.service)
    assert (absent.status_code, absent.json()["code"]) == (404, "WALLET_NOT_FOUND")


NUMBERS: tuple[Any, ...] = (
    "0",
    "x",
    "-1",
    "1.0",
    "9" * 19,
    "9" * 30,
    "%C2%B2",
    "%31x",
)


async def test_an_id_that_is_none_is_refused(door: Door) -> None:
    for number in NUMBERS:
        for path in (f"/v1/holds/{number}", f"/v1/transactions/{number}"):
            answer = await door.client.get(path, headers=door.service)
            assert (answer.status_code, answer.json()["code"]) == (422, "MALFORMED"), number
