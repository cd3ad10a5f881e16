"""What a store sent, for people to read: as JSON, without what nobody at the console needs to see.

Payloads are kept as they came. They may hold links that let whoever has them pay, refund or see a
receipt, secrets of a payment's page, push tokens, and how to reach a buyer. None of that says why
a balance is what it is, so the console does not show it.
"""

import re
from typing import Any

import msgspec

HIDDEN = "(not shown)"
CHARACTERS_MAX = 20_000
# Longer than any payload that a store sends is deep.
_DEPTH_MAX = 30
_SECRET = re.compile(
    r"secret|token|passw|authori[sz]ation|signature|api_?key|credential|fingerprint"
    r"|(^|_)url$|link$|e_?mail|phone|address|^\$?ip$|^\$?(display|first|last|full)?_?name$"
    r"|(individual|business|cardholder)_name|postal|birth|subscriber_attributes",
    re.IGNORECASE,
)


def readable(payload: Any) -> tuple[str, bool]:
    """Return a payload as indented JSON, and whether all of it is there; long ones are cut."""
    encoded = msgspec.json.encode(_shown(payload, 0))
    text = msgspec.json.format(encoded, indent=2).decode()
    return text[:CHARACTERS_MAX], len(text) <= CHARACTERS_MAX


def _shown(value: Any, depth: int) -> Any:
    if depth > _DEPTH_MAX:
        return "…"
    if isinstance(value, dict):
        return {
            name: HIDDEN if _SECRET.search(name) and inner else _shown(inner, depth + 1)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_shown(inner, depth + 1) for inner in value]
    return value
