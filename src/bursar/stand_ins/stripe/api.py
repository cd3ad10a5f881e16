"""The addresses below /v1: who may call, what is remembered, what is answered, as at Stripe."""

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any

from bursar.stand_ins.stripe.api_error import ApiError
from bursar.stand_ins.stripe.book import Book, Thing, new_id
from bursar.stand_ins.stripe.company import Company
from bursar.stand_ins.stripe.events import API_VERSION
from bursar.stand_ins.stripe.exchange import Answer, Call, in_json
from bursar.stand_ins.stripe.form import Params, decode
from bursar.stand_ins.stripe.payments import find_intent
from bursar.stand_ins.stripe.refunds import create_refund, find_refund
from bursar.stand_ins.stripe.sessions import (
    create_session,
    expire_session,
    find_session,
    show_session,
)

Method = Callable[[Book, Params, tuple[str, ...]], Thing]

_METHODS: tuple[tuple[str, str, Method], ...] = (
    ("POST", r"/v1/checkout/sessions", lambda book, params, ids: create_session(book, params)),
    (
        "GET",
        r"/v1/checkout/sessions/([^/]+)",
        lambda book, params, ids: show_session(book, find_session(book, ids[0])),
    ),
    (
        "POST",
        r"/v1/checkout/sessions/([^/]+)/expire",
        lambda book, params, ids: expire_session(book, ids[0]),
    ),
    ("POST", r"/v1/refunds", lambda book, params, ids: create_refund(book, params)),
    ("GET", r"/v1/refunds/([^/]+)", lambda book, params, ids: find_refund(book, ids[0])),
    (
        "GET",
        r"/v1/payment_intents/([^/]+)",
        lambda book, params, ids: find_intent(book, ids[0])[1],
    ),
)
_PATTERNS = tuple((method, re.compile(path), carry_out) for method, path, carry_out in _METHODS)
_TEST_KEY = re.compile(r"(sk|rk)_test_[A-Za-z0-9_]+")


async def answer(company: Company, call: Call) -> Answer:
    """Answer a call, also one that goes wrong: every answer names its request."""
    request_id = new_id("req_", 14)
    headers = {"request-id": request_id, "stripe-version": API_VERSION}
    key = call.headers.get("idempotency-key", "") if call.method == "POST" else ""
    if key:
        headers["idempotency-key"] = key
    try:
        _authenticate(company, call)
        method, ids = _find_method(call)
        params = decode(call.body if call.method == "POST" else call.query)
        known = (
            company.memory.begin(key, call.path, params, request_id, company.book.now())
            if key
            else None
        )
        if known is not None:
            await company.trouble.before_call()
            await company.trouble.after_call()
            headers |= {"idempotent-replayed": "true", "original-request": known.request_id}
            return in_json(known.body, known.status or 200, headers)
        status, body, more = await _carry_out(company, method, params, ids, request_id, key)
    except ApiError as error:
        status, body, more = error.status, error.body(), error.headers
    return in_json(body, status, headers | more)


async def _carry_out(
    company: Company,
    method: Method,
    params: dict[str, Any],
    ids: tuple[str, ...],
    request_id: str,
    key: str,
) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Carry a call out, and keep its answer under its key once it was begun."""
    try:
        await company.trouble.before_call()
        # Nothing else runs until the answer is there: what is asked at once is done in turn.
        company.request_id, company.key = request_id, key or None
        try:
            body = method(company.book, Params(params), ids)
        finally:
            company.request_id = company.key = None
        company.memory.end(key, 200, body)
        company.change()
        await company.trouble.after_call()
    except ApiError as error:
        if error.executed:
            company.memory.end(key, error.status, error.body())
        return error.status, error.body(), error.headers
    else:
        return 200, body, {}
    finally:
        company.memory.forget(key)


def _authenticate(company: Company, call: Call) -> None:
    """Raise `ApiError` unless the call has the key, as a bearer's token or as a user's name."""
    key = _key_of(call.headers.get("authorization", ""))
    if not key:
        raise ApiError(
            401,
            "You did not provide an API key. You need to provide your API key in the Authorization"
            " header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
        )
    expected = company.options.api_key
    if _TEST_KEY.fullmatch(key) is None or expected not in ("", key):
        shown = f"{key[:8]}{'*' * 8}{key[-4:]}" if len(key) > 16 else "*" * len(key)
        raise ApiError(401, f"Invalid API Key provided: {shown}")


def _key_of(authorization: str) -> str:
    kind, _, rest = authorization.partition(" ")
    if kind.lower() == "bearer":
        return rest.strip()
    if kind.lower() == "basic":
        try:
            return base64.b64decode(rest, validate=True).decode("ascii").partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""


def _find_method(call: Call) -> tuple[Method, tuple[str, ...]]:
    for method, pattern, carry_out in _PATTERNS:
        match = pattern.fullmatch(call.path)
        if match is not None and method == call.method:
            return carry_out, match.groups()
    raise ApiError(
        404,
        f"Unrecognized request URL ({call.method}: {call.path}). This stand-in knows checkout"
        " sessions, refunds and payment intents only.",
    )
