"""Repairs of functions: replaced where they stand, or made anew in one transaction."""

from bursar.ops.doctor.finding import Finding
from bursar.ops.doctor.repair_code import grants
from bursar.ops.doctor.schema import Schema, Thing
from bursar.ops.doctor.step import Refusal, Step, one


def add_function(finding: Finding) -> Step | Refusal:
    """Make a function that is missing."""
    function = finding.difference.thing
    if function.get("kind") == "a":
        return Refusal(finding, "An aggregate is made by hand.")
    word = "PROCEDURE" if function.get("kind") == "p" else "FUNCTION"
    return Step(
        finding, "adds", one(function.get("definition").rstrip()), [f"DROP {word} {function.name}"]
    )


def change_function(finding: Finding, live: Schema) -> Step | Refusal:
    """Replace a function; its grants and what uses it stay."""
    wanted, found = finding.difference.expected, finding.difference.found
    if wanted is None or found is None or wanted.get("kind") == "a":
        return Refusal(finding, "An aggregate is changed by hand.")
    if any(wanted.get(fact) != found.get(fact) for fact in ("result", "kind")):
        return Refusal(finding, "It would have to be dropped first, with all that uses it.")
    if _replaces(wanted, found) and _replaces(found, wanted):
        sql, back = (str(side.get("definition")).rstrip() for side in (wanted, found))
    elif found.get("used"):
        return Refusal(finding, "It would have to be dropped first, with all that uses it.")
    else:
        sql, back = _anew(wanted, found, live), _anew(found, wanted, live)
    return Step(finding, "changes", one(sql), [back])


def _replaces(new: Thing, old: Thing) -> bool:
    """Whether one may stand in for the other: callers may rely on names and defaults."""
    names = zip(old.get("names") or (), new.get("names") or (), strict=False)
    named = all(was in ("", will) for was, will in names)
    return named and new.get("defaults") >= old.get("defaults")


def _anew(wanted: Thing, found: Thing, live: Schema) -> str:
    """Return SQL that drops a function and makes it again, with its owner and its grants.

    Nobody sees the moment in which it is away, since it is one transaction.
    """
    word = "PROCEDURE" if found.get("kind") == "p" else "FUNCTION"
    name, owner = found.name, found.get("owner")
    granted = live.of("grant", f"{word} {name}")
    parts = [
        f"DROP {word} IF EXISTS {name}",
        str(wanted.get("definition")).rstrip(),
        f"REVOKE ALL ON {word} {name} FROM PUBLIC",
        *(sql for grant in granted for sql in grants(grant, grant.get("privileges"), "GRANT")),
    ]
    if owner != live.role:
        parts.append(f"ALTER {word} {name} OWNER TO {owner}")
    return "; ".join(parts)
