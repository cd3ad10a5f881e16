"""What differs between the schema that is expected and the one that is there.

Objects are matched by what they are for, not only by their names: a foreign key by its columns, a
check by its condition, an index by its definition. What is called differently is then no more than
that.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bursar.ops.doctor.leftovers import is_leftover
from bursar.ops.doctor.likeness import likenesses, without_name
from bursar.ops.doctor.schema import KINDS, Schema, Thing
from bursar.ops.doctor.wording import same

# Facts that are compared, by kind. Others only describe, or follow from these.
_COMPARED: dict[str, tuple[str, ...]] = {
    "extension": ("schema",),
    "type": (
        "owner",
        "kind",
        "labels",
        "base",
        "not_null",
        "default",
        "checks",
        "unproved",
        "attributes",
        "subtype",
    ),
    "sequence": ("type", "start", "increment", "min", "max", "cache", "cycle", "owned_by"),
    "function": (
        *("kind", "result", "language", "arguments", "body", "aggregate", "security_definer"),
        *("settings", "volatility", "parallel", "strict", "leakproof", "owner", "cost", "rows"),
    ),
    "table": (
        *("kind", "persistence", "row_security", "row_security_forced", "options", "inherits"),
        *("owner", "replica_identity", "partitioned_by", "partition_of", "partition_bound"),
    ),
    "column": (
        *("type", "not_null", "default", "generated", "identity", "identity_options"),
        *("collation", "storage", "compression", "statistics_target"),
    ),
    "constraint": (
        *("definition", "validated", "enforced", "off", "clustered", "replica_identity"),
    ),
    "index": ("definition", "valid", "clustered", "replica_identity"),
    "statistics": ("definition",),
    "view": ("owner", "kind", "definition", "options", "populated"),
    "trigger": ("definition", "enabled"),
    "rule": ("definition", "enabled"),
    "policy": ("command", "permissive", "roles", "using", "check"),
    "grant": ("privileges",),
    "default_grant": ("privileges",),
    "other": ("definition",),
}
# Objects that belong to a table: where it is missing, they are missing with it.
_PARTS = {"column", "constraint", "index", "statistics", "trigger", "rule", "policy"}
# What may differ between two foreign keys of the same columns.
_FOREIGN_KEY = (
    *("references", "referenced_columns", "off"),
    *(
        "on_delete",
        "on_delete_columns",
        "on_update",
        "match",
        "deferrable",
        "deferred",
        "validated",
        "enforced",
    ),
)


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference. `aspect` is missing, extra, name, or the fact that differs."""

    aspect: str
    expected: Thing | None
    found: Thing | None

    @property
    def thing(self) -> Thing:
        """The object that it is about, as expected where there is an expectation."""
        if self.expected is not None:
            return self.expected
        if self.found is None:
            raise ValueError("A difference is between something and something else.")
        return self.found

    @property
    def kind(self) -> str:
        """What kind of object it is about."""
        return self.thing.kind

    def values(self) -> tuple[Any, Any]:
        """Return what is expected of the fact that differs, and what was found."""
        return (
            None if self.expected is None else self.expected.get(self.aspect),
            None if self.found is None else self.found.get(self.aspect),
        )


def compare(expected: Schema, live: Schema) -> list[Difference]:
    """Return every difference, in the order in which objects stand on each other."""
    differences: list[Difference] = []
    for kind in KINDS:
        wanted = [thing for thing in expected.all(kind) if _counts(thing, expected, live)]
        there = [
            thing
            for thing in live.all(kind)
            if _counts(thing, live, expected) and not _is_ours(thing, live)
        ]
        for pair in _pairs(kind, wanted, there):
            differences.extend(_differences(*pair))
        left = (thing for thing in live.all(kind) if is_leftover(thing, live))
        differences.extend(Difference("leftover", None, thing) for thing in left)
    return _without_inherited(
        [_overload(difference, expected) for difference in differences], expected, live
    )


def _overload(difference: Difference, expected: Schema) -> Difference:
    """Tell of a function that takes calls which are meant for an expected one of its name."""
    thing = difference.thing
    if (difference.aspect, thing.kind) != ("extra", "function"):
        return difference
    for other in expected.all("function"):
        if other.name.partition("(")[0] != thing.name.partition("(")[0]:
            continue
        # Calls of so many arguments fit both.
        if max(thing.get("least"), other.get("least")) <= min(thing.get("most"), other.get("most")):
            return Difference("overload", None, thing)
    return difference


def _counts(thing: Thing, own: Schema, other: Schema) -> bool:
    """Whether a thing can be compared: what it belongs to is on the other side as well.

    What is granted to an owner on either side says nothing: owners may do everything.
    """
    if thing.kind == "grant" and thing.of is not None:
        granted = [_granted(thing.of, side) for side in (own, other)]
        if thing.of.startswith("SEQUENCE ") and not granted[0]:
            return True  # An identity column's sequence is no thing of its own.
        return all(granted) and all(g is None or g.get("owner") != thing.name for g in granted)
    if thing.get("cloned") and other.get("trigger", thing.name, thing.of) is None:
        return False  # It is missing with its parent's.
    return _stands(thing, other)


def _without_inherited(
    differences: list[Difference], expected: Schema, live: Schema
) -> list[Difference]:
    """Leave out what differs in a partition or child because it does so in the parent."""
    known = {(d.aspect, d.thing.kind, d.thing.of, d.thing.name) for d in differences}

    def comes_from_above(difference: Difference) -> bool:
        thing = difference.thing
        if thing.kind != "column":
            return False
        tables = [side.get("table", thing.of or "") for side in (expected, live)]
        if len({table.get("partition_of") for table in tables if table is not None}) > 1:
            return difference.aspect.startswith("identity")  # It comes with being a partition.
        parents = {
            parent
            for table in tables
            if table is not None
            for parent in (table.get("partition_of"), *(table.get("inherits") or ()))
        }
        return any((difference.aspect, "column", p, thing.name) in known for p in parents)

    return [difference for difference in differences if not comes_from_above(difference)]


def _stands(thing: Thing, other: Schema) -> bool:
    """Whether what a part belongs to is on the other side as well."""
    if thing.kind in _PARTS and thing.of is not None:
        return any(other.get(kind, thing.of) is not None for kind in ("table", "view"))
    return True


def _is_ours(thing: Thing, live: Schema) -> bool:
    """Whether a repair has made it for itself: a table of rows that stood in its way, a proof."""
    if is_leftover(thing, live):
        return True
    columns = ("quarantined_at", "quarantined_because")
    return thing.kind == "table" and all(live.get("column", c, thing.name) for c in columns)


def _granted(granted: str, side: Schema) -> Thing | None:
    """Return the object that something is granted on; of a column, its table."""
    what, _, name = granted.partition(" ")
    if what == "COLUMN":
        table, column = split_column(name)
        if side.get("column", column, table) is None and side.get("view", table) is None:
            return None
        name, what = table, "TABLE"
    kinds = {
        "TABLE": ("table", "view"),
        "PROCEDURE": ("function",),
    }.get(what, (what.lower(),))
    return next((thing for kind in kinds if (thing := side.get(kind, name)) is not None), None)


def split_column(name: str) -> tuple[str, str]:
    """Return the table and the column of `table.column`, either of them quoted or not."""
    cut = name.rfind('."') if name.endswith('"') else name.rfind(".")
    return name[:cut], name[cut + 1 :]


def _pairs(
    kind: str, wanted: list[Thing], there: list[Thing]
) -> Iterator[tuple[Thing | None, Thing | None]]:
    """Put together what is the same object on both sides; the first likeness that fits decides."""
    left = dict(enumerate(there))
    pairs: dict[int, Thing] = {}
    for likeness in likenesses(kind):
        alike: dict[Any, list[int]] = {}
        for number, other in left.items():
            alike.setdefault(likeness(other), []).append(number)
        for place, thing in enumerate(wanted):
            if place in pairs or likeness(thing) is None:
                continue
            if same := alike.get(likeness(thing)):
                pairs[place] = left.pop(same.pop(0))
    for place, thing in enumerate(wanted):
        yield thing, pairs.get(place)
    for thing in left.values():
        yield None, thing


def _differences(expected: Thing | None, found: Thing | None) -> Iterator[Difference]:
    if found is None:
        yield Difference("missing", expected, None)
        return
    if expected is None:
        if not found.get("inherited"):
            yield Difference("extra", None, found)
        return
    facts = _FOREIGN_KEY if expected.get("references") else _COMPARED.get(expected.kind, ())
    if expected.kind == "column" and not (expected.get("identity") and found.get("identity")):
        facts = tuple(fact for fact in facts if fact != "identity_options")
    # A dump has every materialized view empty, and proves no check: less is no expectation.
    if not expected.get("populated") or found.get("populated"):
        facts = tuple(fact for fact in facts if fact != "populated")
    if not found.get("unproved"):
        facts = tuple(fact for fact in facts if fact != "unproved")
    if expected.get("cloned"):
        facts = ("enabled",)
    for fact in facts:
        if not same(expected.get(fact), found.get(fact)) and not _named_otherwise(
            fact, expected, found
        ):
            yield Difference(fact, expected, found)
    if expected.name != found.name:
        yield Difference("name", expected, found)


def _named_otherwise(fact: str, expected: Thing, found: Thing) -> bool:
    """Whether two definitions differ in the name alone, which is told by itself."""
    if fact != "definition" or expected.name == found.name:
        return False
    if expected.kind == "trigger":
        return without_name(expected) == without_name(found)
    return expected.kind == "statistics"
