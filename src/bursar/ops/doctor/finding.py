"""A difference in plain words: how bad it is, and what it means for whoever runs the code."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bursar.ops.doctor.compare import Difference
from bursar.ops.doctor.schema import Thing

Severity = Literal["error", "warning", "note"]

_WORDS = {
    "p": "primary key",
    "u": "unique constraint",
    "f": "foreign key",
    "c": "check",
    "x": "exclusion constraint",
}
_ACTIONS = {
    "a": "NO ACTION",
    "r": "RESTRICT",
    "c": "CASCADE",
    "n": "SET NULL",
    "d": "SET DEFAULT",
}
_FIRING = {"O": "enabled", "D": "disabled", "R": "enabled on replicas", "A": "always enabled"}

_WHAT = {
    "missing": "is missing",
    "extra": "is not expected",
    "name": "has another name",
    "leftover": "is not expected",
    "overload": "is not expected",
}

# Severity, and what it means. Looked up by kind and aspect, then by aspect alone.
_MEANING: Mapping[tuple[str, str] | str, tuple[Severity, str]] = {
    "missing": ("error", "the code expects it"),
    "extra": ("note", "the code does not know it; it is left alone"),
    "name": ("note", "only the name differs"),
    "owner": ("note", "somebody else may change and drop it"),
    "cost": ("note", "plans may be worse than expected"),
    "rows": ("note", "plans may be worse than expected"),
    ("statistics", "missing"): ("note", "plans may be worse than expected"),
    ("index", "missing"): ("warning", "queries may be slow"),
    ("rule", "missing"): ("warning", "the code expects it"),
    ("default_grant", "missing"): ("warning", "objects made later will lack it"),
    ("constraint", "extra"): ("warning", "it may refuse what the code writes"),
    ("trigger", "extra"): ("warning", "it does something the code does not know of"),
    ("rule", "extra"): ("warning", "it does something the code does not know of"),
    ("policy", "extra"): ("warning", "it shows or hides rows that the code does not expect to be"),
    ("grant", "extra"): ("warning", "somebody may do more than the code expects"),
    ("default_grant", "extra"): ("warning", "somebody will be able to do more than expected"),
    ("column", "type"): ("error", "values may not fit, or be read as something else"),
    ("column", "not_null"): ("error", "the code relies on it"),
    ("column", "default"): ("warning", "rows are written with another value"),
    ("column", "generated"): ("error", "its value is not what the code expects"),
    ("column", "identity"): ("error", "rows get no number, or must bring one"),
    ("column", "identity_options"): ("warning", "numbers are given out otherwise"),
    ("column", "collation"): ("warning", "it sorts and compares otherwise"),
    ("column", "storage"): ("note", "long values are stored otherwise"),
    ("column", "compression"): ("note", "long values are stored otherwise"),
    ("column", "statistics_target"): ("note", "plans may be worse than expected"),
    ("constraint", "clustered"): ("note", "rows are kept in another order"),
    ("constraint", "replica_identity"): ("note", "replication sends other keys"),
    ("index", "clustered"): ("note", "rows are kept in another order"),
    ("index", "replica_identity"): ("note", "replication sends other keys"),
    ("other", "missing"): ("warning", "the code may rely on it"),
    ("constraint", "leftover"): ("warning", "a repair that was broken off left it behind"),
    ("constraint", "references"): ("error", "it refers to another table"),
    ("constraint", "referenced_columns"): ("error", "it refers to other columns"),
    ("constraint", "off"): ("error", "its triggers are switched off, so it guards nothing"),
    ("constraint", "on_delete_columns"): ("error", "deleting what it refers to empties others"),
    ("type", "unproved"): ("warning", "values from before it were never checked"),
    ("function", "overload"): ("warning", "calls may reach it and not the expected one"),
    ("view", "populated"): ("error", "it holds nothing, and cannot be read"),
    ("constraint", "definition"): ("error", "it guards something else"),
    ("constraint", "on_delete"): ("error", "deleting what it refers to does something else"),
    ("constraint", "on_update"): ("error", "changing what it refers to does something else"),
    ("constraint", "deferrable"): ("warning", "it is checked at other times"),
    ("constraint", "deferred"): ("warning", "it is checked at other times"),
    ("constraint", "validated"): ("warning", "rows from before it were never checked"),
    ("constraint", "enforced"): ("error", "it guards nothing"),
    ("index", "definition"): ("warning", "it serves other queries"),
    ("index", "valid"): ("warning", "it was not built to its end, and no query uses it"),
    ("trigger", "definition"): ("error", "it fires at other times, or does something else"),
    ("trigger", "enabled"): ("error", "it does not fire when it should"),
    ("function", "body"): ("error", "it does something else"),
    ("function", "security_definer"): ("error", "it runs with somebody else's rights"),
    ("function", "settings"): ("error", "it runs under other settings"),
    ("function", "result"): ("error", "callers get something else"),
    ("function", "arguments"): ("error", "callers that leave arguments out may fail"),
    ("view", "definition"): ("error", "it shows something else"),
    ("view", "options"): ("error", "it looks with other rights"),
    ("table", "row_security"): ("error", "rows are not hidden as the code expects"),
    ("table", "row_security_forced"): ("error", "the owner sees what the code expects to hide"),
    ("table", "options"): ("note", "it is stored otherwise"),
    ("table", "replica_identity"): ("note", "replication sends other keys"),
    ("table", "persistence"): ("error", "its rows do not outlive a crash as expected"),
    ("policy", "using"): ("error", "other rows are seen"),
    ("policy", "check"): ("error", "other rows may be written"),
    ("grant", "privileges"): ("error", "somebody may do less, or more"),
    ("sequence", "behind"): ("error", "the next numbers are taken already"),
    ("sequence", "cycle"): ("error", "numbers may come again"),
    ("extension", "schema"): ("warning", "its functions have another address"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding: a stable code, the object, how bad it is, a sentence, both sides in words."""

    code: str
    severity: Severity
    object: str
    sentence: str
    expected: str
    found: str
    difference: Difference

    @property
    def id(self) -> str:
        """What stays the same from one run to the next while the finding stands."""
        return f"{self.code} {self.object}"

    def as_data(self) -> dict[str, Any]:
        """Return the finding as JSON."""
        return {
            "code": self.code,
            "severity": self.severity,
            "object": self.object,
            "sentence": self.sentence,
            "expected": self.expected,
            "found": self.found,
        }


def explain(difference: Difference) -> Finding:
    """Put a difference into words."""
    kind, aspect = difference.kind, difference.aspect
    severity, meaning = _MEANING.get(
        (kind, aspect), _MEANING.get(aspect, ("warning", "it differs from what is expected"))
    )
    severity, meaning = _worse(difference, severity, meaning)
    name = describe(difference.thing)
    what = _WHAT.get(aspect, f"differs in its {aspect.replace('_', ' ')}")
    return Finding(
        f"{kind}_{aspect}",
        severity,
        name,
        f"The {name} {what}: {meaning}.",
        *_sides(difference),
        difference,
    )


def describe(thing: Thing) -> str:
    """Name an object as a person would."""
    if thing.kind == "constraint":
        word = _WORDS[thing.get("kind")]
        columns = ", ".join(thing.get("columns") or ())
        return f"{word} {thing.name} ({columns}) of {thing.of}"
    if thing.kind == "grant":
        return f"grant on {thing.of} to {thing.name}"
    if thing.kind == "default_grant":
        return f"default grant on {thing.name} to {thing.of}"
    if thing.kind == "other":
        return thing.name
    if thing.kind == "column":
        return f"column {thing.of}.{thing.name}"
    return f"{thing.kind} {thing.name}" + (f" of {thing.of}" if thing.of else "")


def _worse(difference: Difference, severity: Severity, meaning: str) -> tuple[Severity, str]:
    """What is worse than others of its kind."""
    found, expected = difference.found, difference.expected
    if difference.kind == "column" and difference.aspect == "extra" and must_be_filled(found):
        return "error", "whoever inserts must fill it in, and the code does not"
    if difference.kind == "column" and difference.aspect == "not_null" and found is not None:
        if found.get("not_null"):
            return "error", "it refuses the empty values that the code writes"
        return "warning", "it takes empty values that the code does not expect"
    silent = difference.aspect == "replica_identity" and found and found.get("published")
    if silent and difference.kind == "table" and found and found.get("replica_identity") == "n":
        return "error", "it is published, and no row of it can be changed"
    if difference.aspect == "validated" and expected and not expected.get("validated"):
        return "note", "every row was checked, which is better than expected"
    if difference.thing.get("everywhere") and difference.aspect == "extra":
        return "note", "less is open than the code expects"
    if difference.aspect == "owner" and difference.thing.get("security_definer"):
        return "warning", "it runs with the rights of another owner than expected"
    unique = (expected or found or difference.thing).get("unique")
    if difference.kind == "index" and difference.aspect in ("missing", "valid") and unique:
        return "error", "duplicates are not refused"
    if difference.kind == "grant" and difference.aspect == "missing":
        return "error", "the code may not do what it has to"
    return severity, meaning


def must_be_filled(column: Thing | None) -> bool:
    """Whether whoever writes a row has to bring the column's value."""
    return (
        column is not None
        and bool(column.get("not_null"))
        and not any(column.get(fact) for fact in ("default", "identity", "generated"))
    )


def _sides(difference: Difference) -> tuple[str, str]:
    if difference.aspect == "missing":
        return _whole(difference.thing), "nothing"
    if difference.aspect in ("extra", "leftover", "overload"):
        return "nothing", _whole(difference.thing)
    if difference.aspect == "name" and difference.expected and difference.found:
        return difference.expected.name, difference.found.name
    wanted, there = difference.values()
    return _told(difference.aspect, wanted), _told(difference.aspect, there)


def _whole(thing: Thing) -> str:
    if thing.kind == "column":
        parts = [thing.get("type"), "not null" if thing.get("not_null") else "nullable"]
        if thing.get("default"):
            parts.append(f"default {thing.get('default')}")
        return ", ".join(parts)
    if thing.kind in ("grant", "default_grant"):
        return ", ".join(thing.get("privileges")) or "nothing"
    return str(thing.get("definition") or thing.get("labels") or thing.get("kind") or "there")


def _told(aspect: str, value: Any) -> str:
    if value is None:
        return "none"
    if aspect == "enabled":
        return _FIRING.get(value, str(value))
    if aspect in ("on_delete", "on_update"):
        return _ACTIONS[value]
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
