"""Strict reading of JSON bodies: one meaning each, or a clear complaint that names the field."""

import json
import re
from typing import Any, Never, TypeVar

import msgspec

from bursar.http.problem import ProblemError, malformed

T = TypeVar("T")
DEPTH_MAX = 32
_PATH = re.compile(r"^(?P<what>.*?)(?: - at `(?P<where>.*)`)?$", re.DOTALL)
_NAMED = re.compile(r"field `(?P<name>[^`]*)`")
_SURROGATE = re.compile("[\ud800-\udfff]")


class DuplicateKeyError(ValueError):
    """An object names the same key twice, so nobody can say which value was meant."""


def decode(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """Decode `body` strictly. Raises a 422 problem that names the field.

    Besides what the decoder checks: no duplicate keys, no NaN, no NUL or lone surrogate in a
    string, and no more than `DEPTH_MAX` levels.
    """
    try:
        value = decoder.decode(body)
        check_plain(body)
    except msgspec.ValidationError as error:
        raise _complaint(str(error)) from None
    except (RecursionError, UnicodeDecodeError, ValueError, msgspec.DecodeError) as error:
        raise malformed("", _reason(error)) from None
    return value


def check_plain(body: bytes) -> Any:
    """Return the parsed body, or raise `ValueError` for JSON that could be read in two ways."""
    text = body.decode()
    try:
        value = _plain.decode(text)
    except RecursionError:
        raise ValueError("It is nested too deeply.") from None
    if text.count("[") + text.count("{") > DEPTH_MAX:
        _check_depth(value)
    if "\\u" in text:
        _check_text(value)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise DuplicateKeyError(f"The key {name[:60]!r} appears twice.")
            seen.add(name)
    return found


def _no_constant(name: str) -> Never:
    raise ValueError(f"{name} is not JSON.")


_plain = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEPTH_MAX):
        level = [
            child
            for parent in level
            for child in (
                parent.values()
                if isinstance(parent, dict)
                else parent
                if isinstance(parent, list)
                else ()
            )
            if isinstance(child, (dict, list))
        ]
        if not level:
            return
    raise ValueError(f"It is nested deeper than {DEPTH_MAX} levels.")


def _check_text(value: Any) -> None:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            if "\0" in item:
                raise ValueError("Text must not contain the character NUL.")
            if _SURROGATE.search(item):
                raise ValueError("Text must not contain half of a surrogate pair.")
        elif isinstance(item, dict):
            waiting.extend(item)
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "The body is not UTF-8."
    if isinstance(error, RecursionError):
        return "It is nested too deeply."
    if isinstance(error, (msgspec.DecodeError, json.JSONDecodeError)):
        return "The body is not JSON."
    return str(error)[:200]


def _complaint(text: str) -> ProblemError:
    """Turn msgspec's complaint into a problem that names the field."""
    match = _PATH.match(text)
    what = match["what"] if match else text
    where = (match["where"] or "$") if match else "$"
    where = where.rpartition("` in `")[2]  # Of a key that is wrong, the object is named.
    field = where.removeprefix("$").lstrip(".")
    named = _NAMED.search(what)
    if named:
        field = f"{field}.{named['name']}" if field else named["name"]
    return malformed(field, f"{what[:200]}.")
