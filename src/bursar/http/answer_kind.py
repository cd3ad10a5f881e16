"""What kind of answer a code is, for those who count: an error, or an answer that says no.

402 and 409 are answers: the rules said no, and the service did what it should. Only what is 5xx
is an error, but for a pause that somebody ordered.
"""

from bursar.errors import BY_CODE

DONE, ERROR, PAUSED, REFUSED = "done", "error", "paused", "refused"
_OF_STATUS = {402: "unaffordable", 409: "conflict", 429: "limited"}
# What the doors say by a code alone, in the answer to a batch.
_FAILED = frozenset({"FAULT", "TIMEOUT", "UNAVAILABLE", "OUTCOME_UNKNOWN"})
# What became of a card purchase: its leads were gone, its payment failed, nobody paid.
_ENDED = {"GONE": "conflict", "PAYMENT_FAILED": "unaffordable", "EXPIRED": REFUSED}


def kind_of(code: str, status: int = 200) -> str:
    """Return the kind of an answer by its code and, where it has one of its own, its status."""
    if code == "done":
        return DONE
    if code == "DEGRADED":
        return PAUSED
    if status < 400:
        refusal = BY_CODE.get(code)
        if refusal is None:
            return ERROR if code in _FAILED else _ENDED.get(code, REFUSED)
        status = refusal.http_status
    return ERROR if status >= 500 else _OF_STATUS.get(status, REFUSED)
