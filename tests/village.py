"""Members of the community at its HTTP doors: how they sign in, and what they send."""

import hashlib
import uuid
from base64 import b64encode
from typing import Any

import httpx

from tests.commons import new_member
from tests.ledger_in_sql import Ledger

PASSWORD = "a long pass phrase"
LOGIN, LOGOUT, ME = "/community/login", "/community/logout", "/community/me"
FEED, POSTS, SCORES = "/community/feed", "/community/posts", "/community/scores"
COOKIE = "bursar_community"


def cheap_hash(password: str = PASSWORD) -> str:
    """The hash of a password at the least cost: the tests do not wait for it."""
    digest = hashlib.scrypt(password.encode(), salt=b"salt", n=2, r=1, p=1, dklen=32)
    return f"scrypt$1$1$1${b64encode(b'salt').decode()}${b64encode(digest).decode()}"


def member_with_password(ledger: Ledger, **columns: Any) -> tuple[str, str]:
    """Somebody new in the community: their id and their name."""
    user_id = new_member(ledger, **columns)
    ledger.admin.execute(
        "UPDATE public.users SET password_hash = %s WHERE id = %s", [cheap_hash(), user_id]
    )
    return user_id, str(ledger.value("SELECT username FROM users WHERE id = %s", user_id))


def a_score(points: int = 120, **fields: Any) -> dict[str, Any]:
    """What a round came to."""
    return {"round_id": uuid.uuid4().hex, "points": points, "duration_sec": 60} | fields


def told(answer: httpx.Response) -> Any:
    """What an answer says that says yes."""
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body.pop("success") is True
    return body


def said_no(answer: httpx.Response) -> tuple[int, str, str]:
    """The status and the words of an answer that says no."""
    body = answer.json()
    assert set(body) == {"success", "error", "code", "message", "details"}, body
    assert body["success"] is False
    assert ("retry-after" in answer.headers) == (answer.status_code in (429, 503))
    return answer.status_code, body["error"], body["code"]
