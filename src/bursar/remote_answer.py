"""What an answer over HTTP proves: of the service itself, or of somebody between it and us."""

from typing import Any

import httpx
import msgspec

from bursar.errors import BY_CODE, BY_SQLSTATE
from bursar.ledger.wire import Rejected

# Something between us and the door gave up; it may have passed the request on.
_NOBODY_KNOWS = (408, 502, 504)
# With these words our doors say that nothing was carried out: a refusal, no connection to a
# database to be had, a lock that was not, and (by its class) a server without room. Any other 503
# leaves it open: OUTCOME_UNKNOWN does in so many words, PGRST001 was said by older releases of an
# answer that was lost as well, and what a proxy says has none of our words.
_NOT_DONE = frozenset((*BY_CODE, *BY_SQLSTATE, "UNAVAILABLE", "PGRST003", "55P03"))
_NOT_DONE_CLASS = "53"


def leaves_open(response: httpx.Response) -> bool:
    """Whether nobody knows by this answer if the request was carried out."""
    if not response.is_error:
        return False
    if response.status_code in _NOBODY_KNOWS:
        return True
    code = str(words_of(response).get("code") or "")
    if response.status_code == httpx.codes.SERVICE_UNAVAILABLE:
        return code not in _NOT_DONE and not code.startswith(_NOT_DONE_CLASS)
    return response.is_server_error and not code  # A failure of ours has one.


def is_put_off(response: httpx.Response) -> bool:
    """Whether the same request may be answered in a moment: too many ask, or the door is shut."""
    return response.status_code in (
        httpx.codes.TOO_MANY_REQUESTS,
        httpx.codes.SERVICE_UNAVAILABLE,
    )


def complaint(response: httpx.Response) -> str:
    """What the service says, from a problem body or one of PostgREST's kind."""
    words = words_of(response)
    said = words.get("detail") or words.get("message") or words.get("title")
    return str(said or f"status {response.status_code}")


def words_of(response: httpx.Response) -> dict[str, Any]:
    """The object that an answer consists of; empty when it is something else."""
    try:
        return msgspec.json.decode(response.content, type=dict[str, Any])
    except msgspec.MsgspecError:
        return {}


def decoded(response: httpx.Response, kind: Any) -> Any:
    """The answer as `kind`. Raises `Rejected` when it cannot be read as one."""
    try:
        return msgspec.json.decode(response.content, type=kind)
    except msgspec.MsgspecError as error:
        raise Rejected(str(response.status_code), "the answer cannot be read") from error
