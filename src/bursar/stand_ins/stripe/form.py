"""Stripe's parameters: forms with nested names, such as `line_items[0][price_data][currency]`."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from bursar.stand_ins.stripe.api_error import ApiError, unacceptable

FIELDS_MAX = 5000
DEPTH_MAX = 6
METADATA_KEYS_MAX, METADATA_NAME_MAX, METADATA_VALUE_MAX = 50, 40, 500
_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_NUMBER = re.compile(r"-?[0-9]{1,18}")


def names(text: str) -> frozenset[str]:
    """The names in a text, separated by spaces."""
    return frozenset(text.split())


def decode(text: bytes) -> dict[str, Any]:
    """Return the parameters as nested dictionaries of strings; the rows of a list keep their index.

    Raises `ApiError` for what is no form, or one that is too large.
    """
    try:
        pairs = parse_qsl(
            text.decode("utf-8"),
            keep_blank_values=True,
            max_num_fields=FIELDS_MAX,
            errors="strict",
        )
    except ValueError:
        raise ApiError(400, "The parameters are not a form, or too many.") from None
    params: dict[str, Any] = {}
    for name, value in pairs:
        _put(params, name, value)
    return params


def _put(params: dict[str, Any], name: str, value: str) -> None:
    match = _NAME.fullmatch(name)
    if match is None:
        raise unacceptable(f"Invalid name of a parameter: {name[:100]}", name[:100])
    *way, last = [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])]
    if len(way) >= DEPTH_MAX:
        raise unacceptable(f"Nested too deeply: {name[:100]}", name[:100])
    place = params
    for step in way:
        place = place.setdefault(step or str(len(place)), {})
        if not isinstance(place, dict):
            raise unacceptable(f"Invalid object: {name[:100]}", name[:100])
    last = last or str(len(place))
    if isinstance(place.get(last), dict):
        raise unacceptable(f"Invalid string: {name[:100]}", name[:100])
    place[last] = value


class Params:
    """Parameters that are read by name; errors name them as the caller wrote them."""

    def __init__(self, values: dict[str, Any], path: str = "") -> None:
        self._values = values
        self._path = path

    def path(self, name: str) -> str:
        """The full name of a parameter: `line_items[0][quantity]`."""
        return f"{self._path}[{name}]" if self._path else name

    def has(self, name: str) -> bool:
        """Whether the parameter was given."""
        return name in self._values

    def refuse_unknown(self, known: frozenset[str]) -> None:
        """Raise `ApiError` for a name that is not among `known`, as Stripe does."""
        for name in self._values:
            if name not in known:
                path = self.path(name)
                message = f"Received unknown parameter: {path}"
                raise unacceptable(message, path, "parameter_unknown")

    def text(self, name: str, default: str | None = None, *, longest: int = 5000) -> str:
        """A string that is not empty. Without a default it is required."""
        path = self.path(name)
        value = self._values.get(name, default)
        if value is None:
            message = f"Missing required param: {path}."
            raise unacceptable(message, path, "parameter_missing")
        if not isinstance(value, str):
            raise unacceptable(f"Invalid string: {path}", path)
        if not value and name in self._values:
            message = (
                f"You passed an empty string for '{path}'. We assume empty values are an attempt"
                f" to unset a parameter; however '{path}' cannot be unset."
            )
            raise unacceptable(message, path, "parameter_invalid_empty")
        if len(value) > longest:
            message = f"Invalid string: must be at most {longest} characters"
            raise unacceptable(message, path)
        return value

    def number(self, name: str, default: int | None = None, *, least: int = 0) -> int:
        """A whole number of at least `least`. Without a default it is required."""
        if default is not None and not self.has(name):
            return default
        path, value = self.path(name), self.text(name)
        if _NUMBER.fullmatch(value) is None:
            message = f"Invalid integer: {value[:40]}"
            raise unacceptable(message, path, "parameter_invalid_integer")
        if int(value) < least:
            message = f"This value must be greater than or equal to {least}."
            raise unacceptable(message, path, "parameter_invalid_integer")
        return int(value)

    def address(self, name: str, default: str | None = None) -> str:
        """An address of the web, http or https."""
        value = self.text(name, default)
        if value:
            try:
                parts = urlsplit(value)
            except ValueError:
                parts = urlsplit("")
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise unacceptable("Not a valid URL", self.path(name), "url_invalid")
        return value

    def inner(self, name: str) -> "Params":
        """The parameters nested below a name; none when it was not given."""
        return Params(self._nested(name), self.path(name))

    def rows(self, name: str) -> Iterator["Params"]:
        """The rows of a list, in the order of their indices."""
        nested = self._nested(name)
        for index in sorted(nested, key=lambda text: (len(text), text)):
            path = f"{self.path(name)}[{index}]"
            if not index.isascii() or not index.isdigit() or not isinstance(nested[index], dict):
                raise unacceptable(f"Invalid array: {self.path(name)}", self.path(name))
            yield Params(nested[index], path)

    def metadata(self) -> dict[str, str]:
        """The metadata here, within Stripe's bounds; an empty value leaves its key out."""
        path, given = self.path("metadata"), self._nested("metadata")
        for name, value in given.items():
            if not isinstance(value, str):
                raise unacceptable("Metadata values must be strings.", f"{path}[{name}]")
            if len(name) > METADATA_NAME_MAX or len(value) > METADATA_VALUE_MAX:
                message = (
                    f"Metadata keys can have up to {METADATA_NAME_MAX} characters, and values up"
                    f" to {METADATA_VALUE_MAX}."
                )
                raise unacceptable(message, f"{path}[{name}]")
        if len(given) > METADATA_KEYS_MAX:
            raise unacceptable(f"Metadata can have up to {METADATA_KEYS_MAX} keys.", path)
        return {name: value for name, value in given.items() if value}

    def _nested(self, name: str) -> dict[str, Any]:
        value = self._values.get(name, {})
        if value == "":
            return {}
        if not isinstance(value, dict):
            raise unacceptable(f"Invalid object: {self.path(name)}", self.path(name))
        return value
