"""Signing in, and what a session is: a cookie that cannot be made up, and a token of its own."""

import asyncio
import base64
import json
import time
import uuid
from collections.abc import AsyncIterator

import httpx
import jwt
import pytest

from bursar.http.community_session import COOKIE, DEVICE_COOKIE, Sessions
from bursar.http.conftest import SECRET, Door, Told, app_of, client_of
from bursar.http.sign_in_attempts import NAME_MAX
from bursar.settings import Settings
from tests.ledger_in_sql import Ledger
from tests.village import FEED, LOGIN, LOGOUT, ME, PASSWORD, POSTS, member_with_password, said_no
from tests.village import told as told_of

UNAUTHORIZED = (401, "unauthorized", "UNAUTHENTICATED")
CSRF = (403, "csrf_refused", "CSRF_REFUSED")
HELLO = {"body": "hello"}


class Guest:
    """Somebody who has signed in, at a browser of their own."""

    def __init__(self, door: Door) -> None:
        self.ledger = Ledger(door.database)
        self.door = door
        self.id, self.name = member_with_password(self.ledger)
        self.client = client_of(door.app)
        self.csrf = ""

    async def sign_in(self, password: str = PASSWORD, **more: object) -> httpx.Response:
        body = {"username": self.name, "password": password}
        # Headers and cookies, by name.
        answer = await self.client.post(LOGIN, json=body, **more)  # type: ignore[arg-type]
        self.csrf = answer.json().get("csrf_token", "")
        return answer

    async def post(self, csrf: str | None = None) -> httpx.Response:
        token = {"x-csrf-token": self.csrf if csrf is None else csrf}
        return await self.client.post(POSTS, json=HELLO, headers=token)


@pytest.fixture
async def guest(door: Door) -> AsyncIterator[Guest]:
    made = Guest(door)
    async with made.client:
        yield made


async def test_a_session_opens_by_password_and_closes(guest: Guest) -> None:
    opened = await guest.sign_in()

    told = told_of(opened)
    assert (told["user_id"], told["username"], told["joined"]) == (guest.id, guest.name, False)
    session, device = opened.headers.get_list("set-cookie")
    assert session.startswith(f"{COOKIE}=ey")
    assert device.startswith(f"{DEVICE_COOKIE}=ey")
    for cookie in (session, device):
        assert "; Path=/; Max-Age=" in cookie
        assert cookie.endswith("; HttpOnly; SameSite=Lax")
    me = told_of(await guest.client.get(ME))
    assert (me["csrf_token"], me["credits"], me["username"]) == (guest.csrf, 0, guest.name)
    assert [award["award"] for award in me["awards"]] == ["reaction_received", "score_milestone"]
    assert told_of(await guest.post())["body"] == "hello"
    assert said_no(await guest.client.post(LOGOUT)) == CSRF
    closed = await guest.client.post(LOGOUT, headers={"x-csrf-token": guest.csrf})
    assert f"{COOKIE}=; Path=/; Max-Age=0" in closed.headers["set-cookie"]
    assert said_no(await guest.client.get(ME)) == UNAUTHORIZED
    assert guest.ledger.value("SELECT count(*) FROM posts WHERE user_id = %s", guest.id) == 1


async def test_by_https_the_cookie_is_for_https_alone(guest: Guest) -> None:
    answer = await guest.client.post(
        f"https://bursar{LOGIN}", json={"username": guest.name.upper(), "password": PASSWORD}
    )

    assert [c.endswith("; Secure") for c in answer.headers.get_list("set-cookie")] == [True, True]


async def test_nobody_learns_who_is_here(guest: Guest) -> None:
    wrong = await guest.sign_in("wrong password")
    unknown = await guest.client.post(LOGIN, json={"username": "nobody", "password": PASSWORD})
    guest.ledger.admin.execute("UPDATE users SET password_hash = NULL WHERE id = %s", [guest.id])
    without = await guest.sign_in()

    assert said_no(wrong) == UNAUTHORIZED
    assert wrong.json() == unknown.json() == without.json()
    assert "set-cookie" not in wrong.headers
    for body in ({"password": PASSWORD}, {"username": "x y", "password": "p"}, {"name": "x"}):
        assert said_no(await guest.client.post(LOGIN, json=body))[0] == 400
    assert said_no(await guest.client.post(LOGIN)) == UNAUTHORIZED


async def test_guessing_is_bounded_and_keeps_no_known_browser_out(guest: Guest) -> None:
    await guest.sign_in()
    async with client_of(guest.door.app) as stranger:
        guess = {"username": guest.name, "password": "a guess of somebody's"}
        answers = await asyncio.gather(*(stranger.post(LOGIN, json=guess) for _ in range(16)))
        right = await stranger.post(LOGIN, json={"username": guest.name, "password": PASSWORD})

    codes = [said_no(answer)[2] for answer in answers]
    assert codes.count("UNAUTHENTICATED") == NAME_MAX
    assert said_no(right)[2] == "RATE_LIMITED"
    assert right.json()["details"]["retry_after_seconds"] == int(right.headers["retry-after"])
    assert (await guest.sign_in()).status_code == 200


async def test_a_token_of_the_app_is_exchanged_and_brings_a_newcomer_in(door: Door) -> None:
    user_id, headers = door.user()
    name = f"new-{user_id[:8]}"
    async with client_of(door.app) as browser:
        unknown = await browser.post(LOGIN, headers=headers)
        joined = told_of(await browser.post(LOGIN, json={"username": name}, headers=headers))
        again = told_of(await browser.post(LOGIN, headers=headers))
        me = told_of(await browser.get(ME))
        forged = await browser.post(LOGIN, headers={"authorization": "Bearer x.y.z"})
        service = await browser.post(LOGIN, headers=door.service)

    assert said_no(unknown) == (403, "not_authorized", "NOT_AUTHORIZED")
    assert (joined["user_id"], joined["username"], joined["joined"]) == (user_id, name, True)
    assert (again["joined"], me["user_id"], me["csrf_token"]) == (
        False,
        user_id,
        again["csrf_token"],
    )
    assert (forged.status_code, service.status_code) == (401, 403)


async def test_a_change_needs_the_sessions_own_token(guest: Guest) -> None:
    await guest.sign_in()
    old = guest.csrf
    other = Guest(guest.door)
    await other.sign_in()
    await guest.sign_in()

    for csrf in ("", "0" * 64, old, other.csrf, guest.csrf[:-1], "é"):
        token = {b"x-csrf-token": csrf.encode()}
        for method, path in (
            ("POST", POSTS),
            ("POST", f"/community/react/{uuid.uuid4()}"),
            ("POST", "/community/scores"),
            ("POST", f"/community/boost/{uuid.uuid4()}"),
            ("POST", f"/community/moderate/{uuid.uuid4()}"),
            ("DELETE", f"/community/delete/{uuid.uuid4()}"),
        ):
            answer = await guest.client.request(method, path, headers=token)
            assert said_no(answer) == CSRF, (csrf, path)
    assert said_no(await guest.client.get(FEED, headers={"x-csrf-token": other.csrf})) == CSRF
    assert (await guest.client.get(FEED)).status_code == 200
    assert (await guest.post()).status_code == 200
    elsewhere = {"sec-fetch-site": "cross-site"}
    assert said_no(await guest.sign_in(headers=elsewhere)) == CSRF
    await other.client.aclose()


async def test_a_cookie_that_was_touched_is_refused(guest: Guest) -> None:
    await guest.sign_in()
    cookie = guest.client.cookies[COOKIE]
    parts = cookie.split(".")
    guest.client.cookies.clear()
    keys = Sessions(Settings(jwt_secret=SECRET))._cookies._keys
    claims = jwt.decode(cookie, keys[COOKIE], algorithms=["HS256"], audience=COOKIE)

    def encoded(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    none = encoded({"alg": "none", "typ": "JWT"})
    others = encoded({**claims, "sub": str(uuid.uuid4())})
    tampered = {
        "header": [f"{none}.{parts[1]}.", f"{none}.{parts[1]}.{parts[2]}"],
        "payload": [f"{parts[0]}.{others}.{parts[2]}", f"{parts[0]}..{parts[2]}"],
        "cut": [".".join(parts[:2]), cookie[:-1], f"{cookie}A", f"{cookie}=", "", "x"],
        "foreign": [
            jwt.encode(claims, SECRET, algorithm="HS256"),
            jwt.encode(claims, keys["csrf"], algorithm="HS256"),
            jwt.encode({**claims, "aud": DEVICE_COOKIE}, keys[DEVICE_COOKIE], algorithm="HS256"),
            guest.door.bearer("authenticated", guest.id)["authorization"].removeprefix("Bearer "),
        ],
        "over": [jwt.encode({**claims, "exp": int(time.time()) - 1}, keys[COOKIE], "HS256")],
        "twice": [f"{cookie}; {COOKIE}={cookie}"],
        # One letter after the other; the last one holds bits that base64 leaves unread.
        "letters": [
            cookie[:at] + ("B" if cookie[at] == "A" else "A") + cookie[at + 1 :]
            for at in (*range(0, len(cookie) - 1, 7), len(cookie) - 1)
        ],
        "last bits": [cookie[:-1] + letter for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"],
    }
    for name, values in tampered.items():
        for value in values:
            if value == cookie:
                continue
            headers = {"cookie": f"{COOKIE}={value}", "x-csrf-token": guest.csrf}
            for answer in (
                await guest.client.get(ME, headers=headers),
                await guest.client.post(POSTS, json=HELLO, headers=headers),
            ):
                assert said_no(answer) == UNAUTHORIZED, (name, value)
    good = {"cookie": f"a=b; {COOKIE}={cookie}", "x-csrf-token": guest.csrf}
    assert (await guest.client.get(ME, headers=good)).status_code == 200


async def test_without_a_secret_there_are_no_sessions(door: Door) -> None:
    async with client_of(app_of(Told(), jwt_secret="")) as browser:
        assert said_no(await browser.get(FEED)) == UNAUTHORIZED
