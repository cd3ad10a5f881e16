"""Strangers see nothing, viewers change nothing, and forged forms are refused: at every address."""

from collections.abc import Iterator
from typing import Any

import pytest
from litestar.routes import HTTPRoute

from bursar.console.conftest import SECRET, Desk
from bursar.console.door import OPEN, VIEWERS_TOO
from bursar.console.tasks import TASKS
from bursar.http.auth import mint

# Where an address has a part that varies, one that exists.
PARTS = {"name": next(iter(TASKS)), "operation": "00000000-0000-4000-8000-000000000000"}
SIGN_IN = "console/sign-in"


def addresses(desk: Desk, *, changes: bool) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and options of every handler of the console."""
    for route in desk.app.pages.routes:
        if isinstance(route, HTTPRoute) and route.path.startswith("/console"):
            path = route.path_format.format(**PARTS)
            for handler in route.route_handlers:
                for method in handler.http_methods - {"OPTIONS", "HEAD"}:
                    if (method != "GET") == changes:
                        yield str(method), path, handler.opt


async def test_a_stranger_sees_nothing(desk: Desk) -> None:
    seen = 0
    for method, path, options in addresses(desk, changes=False):
        answer = await desk.client.request(method, path)
        if options.get(OPEN):
            assert answer.status_code == 200
            assert "console/wallets" not in answer.text
            continue
        seen += 1
        assert (answer.status_code, answer.text) == (303, ""), path
        assert answer.headers["location"].endswith(SIGN_IN), path
    assert seen > 1


async def test_a_stranger_changes_nothing(desk: Desk) -> None:
    for method, path, options in addresses(desk, changes=True):
        if not options.get(OPEN):
            answer = await desk.client.request(method, path, data={"csrf": "x"})
            assert answer.status_code == 401, path
            assert "You are not signed in" in answer.text
    assert desk.journal() == []


async def test_a_viewer_sees_every_page_and_changes_nothing(desk: Desk) -> None:
    await desk.sign_in("viewer", "vic")
    await desk.look("/console")
    csrf = desk.csrf
    for method, path, options in addresses(desk, changes=True):
        if not (options.get(OPEN) or options.get(VIEWERS_TOO)):
            answer = await desk.client.request(method, path, data={"csrf": csrf})
            assert answer.status_code == 403, path
            assert "NOT_AUTHORIZED" in answer.text, path
    for method, path, options in addresses(desk, changes=False):
        answer = await desk.client.request(method, path)
        if "/do/" in path:
            assert answer.status_code == 403, path
        elif not options.get(OPEN):
            assert answer.status_code in (200, 404), path
    assert desk.journal() == []


@pytest.mark.parametrize("sent", [{}, {"csrf": ""}, {"csrf": "x" * 64}, {"csrf": "of another"}])
async def test_a_forged_form_is_refused(desk: Desk, sent: dict[str, str]) -> None:
    if sent.get("csrf") == "of another":
        await desk.sign_in(name="bob")
        await desk.look("/console")
        sent = {"csrf": desk.csrf}
    await desk.sign_in()
    for method, path, options in addresses(desk, changes=True):
        if not options.get(OPEN):
            answer = await desk.client.request(method, path, data=sent)
            assert answer.status_code == 403, path
            assert "CSRF_REFUSED" in answer.text, path
    assert desk.journal() == []


async def test_another_sites_page_is_refused_with_the_right_token_too(desk: Desk) -> None:
    await desk.sign_in()
    await desk.look("/console")
    for method, path, _ in addresses(desk, changes=True):
        for site in ("cross-site", "same-site"):
            answer = await desk.client.request(
                method, path, data={"csrf": desk.csrf}, headers={"sec-fetch-site": site}
            )
            assert answer.status_code == 403, (path, site)


@pytest.mark.parametrize("role", ["anon", "authenticated", "service_role"])
async def test_a_token_of_the_api_does_not_open_the_console(desk: Desk, role: str) -> None:
    token = mint(role, "somebody", SECRET, 600)
    answer = await desk.client.post("/console/sign-in", data={"token": token})
    assert answer.status_code == 401
    assert "not for the console" in answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("role", ["viewer", "operator"])
async def test_a_token_of_the_console_opens_nothing_else(desk: Desk, role: str) -> None:
    headers = {"authorization": f"Bearer {mint(role, 'ann', SECRET, 600)}"}
    for path in ("/v1/wallets/ann", "/rest/v1/rewards", "/v1/degraded"):
        assert (await desk.client.get(path, headers=headers)).status_code == 401


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "x" * 9000, "ä"])
async def test_what_is_no_token_signs_nobody_in(desk: Desk, token: str) -> None:
    answer = await desk.client.post("/console/sign-in", data={"token": token})
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


async def test_the_cookie_is_for_our_own_pages_and_ends_with_the_token(desk: Desk) -> None:
    token = mint("operator", "ann", SECRET, 120)
    answer = await desk.client.post("/console/sign-in", data={"token": token})
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert int(cookie.partition("Max-Age=")[2].partition(";")[0]) <= 120
    await desk.look("/console")
    answer = await desk.client.post("/console/sign-out", data={"csrf": desk.csrf})
    assert answer.headers["location"].endswith("sign-in")
    assert (await desk.client.get("/console")).status_code == 303
