"""Reading of PostgREST's query language, as far as store-fronts use it. No database in here.

What is not understood is refused; nothing is guessed, because a filter passed over would show or
change more rows than were meant.
"""

import re
from dataclasses import dataclass

from bursar.http.problem import ProblemError

ROWS_MAX = 1000
VALUES_MAX = 1000
OPERATORS = {
    "eq": "=",
    "neq": "<>",
    "gt": ">",
    "gte": ">=",
    "lt": "<",
    "lte": "<=",
    "like": "LIKE",
    "ilike": "ILIKE",
}
_IS = {"null": "NULL", "true": "TRUE", "false": "FALSE", "unknown": "UNKNOWN", "not_null": ""}
_RESERVED = frozenset({"select", "order", "limit", "offset", "columns", "on_conflict"})
_EMBEDDED = re.compile(
    r"(?:(?P<alias>[^:!()]+):)?(?P<name>[^:!()]+)(?P<hints>(?:![^:!()]+)*)\((?P<inside>[^()]*)\)"
)
_ORDER = re.compile(
    r"(?P<name>[^.]+)(?:\.(?P<way>asc|desc))?(?:\.(?P<nulls>nullsfirst|nullslast))?"
)
_RANGE = re.compile(r"(\d{1,15})-(\d{0,15})")


@dataclass(frozen=True, slots=True)
class Column:
    """A column to show, under `alias`; the name `*` stands for all."""

    name: str
    alias: str


@dataclass(frozen=True, slots=True)
class Embedded:
    """A row of another table that a foreign key leads to, shown under `alias`."""

    name: str
    alias: str
    hint: str | None
    inner: bool
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition on a column. `operator` is a key of `OPERATORS`, or "is", or "in"."""

    name: str
    operator: str
    negated: bool
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """One column to sort by."""

    name: str
    descending: bool
    nulls_first: bool | None


@dataclass(frozen=True, slots=True)
class Query:
    """A whole query, parsed and bounded, its names not checked yet."""

    columns: tuple[Column, ...]
    embedded: tuple[Embedded, ...]
    filters: tuple[Filter, ...]
    orders: tuple[Order, ...]
    limit: int
    offset: int
    body_columns: tuple[str, ...] | None


def parse(parameters: list[tuple[str, str]], range_header: str = "") -> Query:
    """Parse the parameters of a query. Raises a 400 problem for what is not understood."""
    single: dict[str, str] = {}
    filters: list[Filter] = []
    for name, value in parameters:
        if name in _RESERVED:
            if name in single:
                raise not_understood(f"The parameter {name} was given twice.")
            single[name] = value
        elif name in ("and", "or", "not.and", "not.or") or "." in name:
            raise not_understood(f"The parameter {name[:63]} is not supported.")
        else:
            filters.append(_filter(name, value))
    if "on_conflict" in single:
        raise not_understood("on_conflict is not supported.")
    columns, embedded = _select(single.get("select", "*"))
    limit, offset = _window(single, range_header)
    listed = single.get("columns")
    return Query(
        columns,
        embedded,
        tuple(filters),
        _orders(single.get("order", "")),
        limit,
        offset,
        None if listed is None else tuple(_name(part) for part in listed.split(",")),
    )


def not_understood(sentence: str) -> ProblemError:
    """Return PostgREST's complaint about a query that cannot be parsed."""
    return ProblemError(400, "PGRST100", sentence)


def _name(text: str) -> str:
    name = text.strip()
    if len(name) >= 2 and name[0] == name[-1] == '"':
        name = name[1:-1]
    if not name or len(name) > 63 or "\0" in name:
        raise not_understood("A name is empty or too long.")
    return name


def _select(text: str) -> tuple[tuple[Column, ...], tuple[Embedded, ...]]:
    columns: list[Column] = []
    embedded: list[Embedded] = []
    for item in _split(text):
        if "(" in item:
            embedded.append(_embedded(item))
        else:
            columns.append(_column(item))
    shown = [item.alias for item in columns if item.name != "*"] + [e.alias for e in embedded]
    if len(set(shown)) != len(shown):
        raise not_understood("Two things are shown under the same name.")
    return tuple(columns), tuple(embedded)


def _column(item: str) -> Column:
    if "->" in item or "::" in item:
        raise not_understood("JSON paths and casts are not supported in select.")
    alias, colon, name = item.partition(":")
    return Column(_name(name), _name(alias)) if colon else Column(_name(alias), _name(alias))


def _embedded(item: str) -> Embedded:
    match = _EMBEDDED.fullmatch(item.strip())
    if match is None:
        raise not_understood("Embedding goes one level deep: table(column,column).")
    hints = [hint for hint in match["hints"].split("!") if hint]
    inner = "inner" in hints
    names = [hint for hint in hints if hint not in ("inner", "left")]
    if len(names) > 1:
        raise not_understood("Only one hint can be given to an embedded table.")
    name = _name(match["name"])
    columns = tuple(_column(part) for part in _split(match["inside"]))
    if not columns:
        raise not_understood("Say which columns to embed, or *.")
    return Embedded(
        name, _name(match["alias"] or name), names[0] if names else None, inner, columns
    )


def _split(text: str) -> list[str]:
    """Split at commas outside of parentheses."""
    items, depth, start = [], 0, 0
    for at, character in enumerate(text):
        if character == "(":
            depth += 1
        elif character == ")":
            depth -= 1
        elif character == "," and depth == 0:
            items.append(text[start:at])
            start = at + 1
        if depth not in (0, 1):
            raise not_understood("Embedding goes one level deep.")
    items.append(text[start:])
    if depth != 0:
        raise not_understood("A parenthesis is not closed.")
    return [item.strip() for item in items if item.strip()]


def _filter(name: str, text: str) -> Filter:
    operator, dot, value = text.partition(".")
    negated = operator == "not"
    if negated:
        operator, dot, value = value.partition(".")
    if not dot or (operator not in OPERATORS and operator not in ("is", "in")):
        raise not_understood(f"The filter on {name[:63]} is not supported.")
    if operator == "is":
        word = value.lower()
        if word not in _IS:
            raise not_understood("After is. comes null, not_null, true, false or unknown.")
        if word == "not_null":
            return Filter(_name(name), "is", not negated, ("NULL",))
        return Filter(_name(name), "is", negated, (_IS[word],))
    if operator == "in":
        return Filter(_name(name), "in", negated, _list(value))
    if operator in ("like", "ilike"):
        value = value.replace("*", "%")
    return Filter(_name(name), operator, negated, (value,))


def _list(text: str) -> tuple[str, ...]:
    """Read `(a,b,"c,d")`."""
    if not (text.startswith("(") and text.endswith(")")):
        raise not_understood("After in. comes a list: (a,b,c).")
    inside, values, at = text[1:-1], [], 0
    while at < len(inside):
        if inside[at] == '"':
            value, at = _quoted(inside, at + 1)
        else:
            end = inside.find(",", at)
            end = len(inside) if end < 0 else end
            value, at = inside[at:end], end
        values.append(value)
        if at < len(inside):
            if inside[at] != ",":
                raise not_understood("The list after in. cannot be read.")
            at += 1
    if len(values) > VALUES_MAX:
        raise not_understood(f"A list has at most {VALUES_MAX} values.")
    return tuple(values)


def _quoted(text: str, at: int) -> tuple[str, int]:
    characters: list[str] = []
    while at < len(text):
        if text[at] == "\\" and at + 1 < len(text):
            at += 1
        elif text[at] == '"':
            return "".join(characters), at + 1
        characters.append(text[at])
        at += 1
    raise not_understood("A quotation mark is not closed.")


def _orders(text: str) -> tuple[Order, ...]:
    orders = []
    for item in _split(text):
        match = _ORDER.fullmatch(item)
        if match is None:
            raise not_understood("order is a list of column.asc or column.desc.")
        nulls = match["nulls"]
        orders.append(
            Order(
                _name(match["name"]),
                match["way"] == "desc",
                None if nulls is None else nulls == "nullsfirst",
            )
        )
    return tuple(orders)


def _window(single: dict[str, str], range_header: str) -> tuple[int, int]:
    limit = _number(single.get("limit"), "limit", ROWS_MAX)
    offset = _number(single.get("offset"), "offset", 0)
    match = _RANGE.fullmatch(range_header.removeprefix("items="))
    if match and "limit" not in single and "offset" not in single:
        offset = int(match[1])
        if match[2]:
            if int(match[2]) < offset:
                raise ProblemError(416, "PGRST103", "Requested range not satisfiable")
            limit = int(match[2]) - offset + 1
    return min(limit, ROWS_MAX), offset


def _number(text: str | None, name: str, default: int) -> int:
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise not_understood(f"{name} must be a whole number that is not negative.")
    return int(text)
