import re
from base64 import b64encode
from hashlib import sha256

import pytest

from bursar.errors import REFUSALS
from bursar.http.conftest import Told, app_of, client_of


@pytest.mark.parametrize("path", ["/docs", "/docs/errors"])
async def test_a_page_loads_nothing_from_elsewhere(path: str) -> None:
    app = app_of(Told())
    async with client_of(app) as client:
        answer = await client.get(path)
    text, policy = answer.text, answer.headers["content-security-policy"]
    assert answer.headers["content-type"].startswith("text/html")
    assert not re.search(r"""(src|href|url|@import)\s*[=(]\s*["']?(https?:)?//""", text)
    assert "unsafe" not in policy
    for kind in ("script", "style"):
        for part in re.findall(f"<{kind}>(.*?)</{kind}>", text, re.DOTALL):
            assert b64encode(sha256(part.encode()).digest()).decode() in policy
    assert " style=" not in text
    assert " onclick=" not in text
    await app.close()


async def test_every_code_has_the_place_that_problems_point_to() -> None:
    app = app_of(Told())
    async with client_of(app) as client:
        text = (await client.get("/docs/errors")).text
    for refusal in REFUSALS:
        assert f'id="{refusal.code}"' in text
    await app.close()


async def test_the_document_has_every_route_and_no_reference_to_nothing() -> None:
    app = app_of(Told())
    async with client_of(app) as client:
        answer = await client.get("/openapi.json")
    document = answer.json()
    assert document["openapi"] == "3.1.0"
    routes = {(route.template, route.method.lower()) for route in app._front._routes.all}
    shown = {(path, method) for path, found in document["paths"].items() for method in found}
    assert shown == routes
    names = set(re.findall(r'"#/components/schemas/([^"]+)"', answer.text))
    assert names <= set(document["components"]["schemas"])
    ids = [found["operationId"] for path in document["paths"].values() for found in path.values()]
    assert len(set(ids)) == len(ids)
    for path, found in document["paths"].items():
        if not path.startswith("/v1/"):
            continue
        for operation in found.values():
            assert operation["security"] == [{"token": []}]
    await app.close()
