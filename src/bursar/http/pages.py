"""The pages behind the doors: the try-it page, the list of errors, and whatever else is served."""

import html
from base64 import b64encode
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files
from re import DOTALL, findall
from typing import Any

from litestar import Litestar, MediaType, Request, Response, get
from litestar.exceptions import HTTPException

from bursar.errors import REFUSALS
from bursar.http.problem import DOOR_CODES, ProblemError, as_problem
from bursar.pages.static_files import static_file


@cache
def read_page(name: str) -> tuple[str, str]:
    """Return a page of this package and the policy that lets just its own script and style run."""
    text = (files("bursar.http") / name).read_text(encoding="utf-8")
    hashes = {
        kind: " ".join(
            f"'sha256-{b64encode(sha256(part.encode()).digest()).decode()}'"
            for part in findall(f"<{kind}>(.*?)</{kind}>", text, DOTALL)
        )
        or "'none'"
        for kind in ("script", "style")
    }
    policy = (
        f"default-src 'none'; script-src {hashes['script']}; style-src {hashes['style']};"
        " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return text, policy


def _response(text: str, policy: str) -> Response[str]:
    return Response(
        text,
        media_type=MediaType.HTML,
        headers={"content-security-policy": policy, "cache-control": "no-cache"},
    )


@get("/docs", include_in_schema=False, sync_to_thread=False)
def try_it_page() -> Response[str]:
    """Serve the page on which every operation can be tried."""
    return _response(*read_page("try_it.html"))


@get("/docs/errors", include_in_schema=False, sync_to_thread=False)
def errors_page() -> Response[str]:
    """Serve the list that the `type` of every problem points into."""
    text, policy = read_page("errors.html")
    rows = [
        (refusal.code, str(refusal.http_status), refusal.sqlstate, refusal.sentence, refusal.hint)
        for refusal in REFUSALS
    ] + [(code, "", "", f"{title}.", "") for code, title in DOOR_CODES.items()]
    shown = "".join(
        f'<tr id="{code}"><th scope="row"><code>{code}</code></th><td>{status}</td>'
        f"<td><code>{sqlstate}</code></td><td>{html.escape(sentence)}</td>"
        f"<td>{html.escape(hint)}</td></tr>\n"
        for code, status, sqlstate, sentence, hint in rows
    )
    return _response(text.replace("<!-- rows -->", shown), policy)


def _http_problem(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    codes = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 408: "TIMEOUT"}
    status = error.status_code
    problem = ProblemError(
        status,
        codes.get(status, "FAULT" if status >= 500 else "MALFORMED"),
        "There is nothing at this address." if status == 404 else error.detail,
    )
    body = as_problem(problem, request.headers.get("x-request-id", ""))
    return Response(body, status_code=status, media_type="application/problem+json")


def _fault(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    return _http_problem(request, HTTPException(status_code=500, detail="Something failed."))


def make_pages(route_handlers: Sequence[Any]) -> Litestar:
    """Return the app of the pages: our own and those given."""
    return Litestar(
        [try_it_page, errors_page, static_file, *route_handlers],
        openapi_config=None,
        logging_config=None,
        exception_handlers={HTTPException: _http_problem, Exception: _fault},
    )
