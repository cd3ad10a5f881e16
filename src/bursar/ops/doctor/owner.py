"""Who owns what is there: most of it belongs to one role, here and where the expectation was built.

That role has another name on the live side. What is made belongs to it, and where a definition
speaks of it by name, it is meant and not its name.
"""

from collections import Counter
from dataclasses import replace
from typing import Any

from bursar.ops.doctor.repair_parts import WORDS
from bursar.ops.doctor.schema import Schema
from bursar.ops.doctor.step import Statement, Step, guarded, literal


def usual_owner(live: Schema) -> str | None:
    """Return the role that owns most of what is there, or None where nothing is."""
    owners = Counter(
        thing.get("owner")
        for kind in ("table", "view", "function")
        for thing in live.all(kind)
        if thing.get("owner")
    )
    return owners.most_common(1)[0][0] if owners else None


def handed_over(step: Step, owner: str | None, role: str) -> Step:
    """Have what a step makes belong to whom the rest belongs to, in the same transaction.

    A function that runs with its owner's rights would otherwise run with those of whoever
    repairs.
    """
    thing = step.finding.difference.thing
    if owner is None or owner == role or thing.kind not in WORDS:
        return step
    word = WORDS[thing.kind] if thing.get("kind") != "m" else "MATERIALIZED VIEW"
    if thing.kind == "function":
        word = "ROUTINE"
    given = guarded(
        f"pg_has_role({literal(owner.strip(chr(34)))}, 'MEMBER')",
        f"ALTER {word} {thing.name} OWNER TO {owner}",
    )
    first, *rest = step.statements
    return replace(step, statements=[Statement(f"{first.sql}; {given}", first.alone), *rest])


def owned_alike(expected: Schema, live: Schema) -> Schema:
    """Return the expected schema as the owner of the live one would have made it.

    Conditions such as `CURRENT_USER <> 'app'::text` name whoever ran the migrations.
    """
    theirs, ours = usual_owner(expected), usual_owner(live)
    if theirs is None or ours is None or theirs == ours:
        return expected
    was, will = (
        f"CURRENT_USER <> {literal(owner.strip(chr(34)))}::text" for owner in (theirs, ours)
    )

    def told(name: str, value: Any) -> Any:
        if name == "owner":
            return ours if value == theirs else value
        return value.replace(was, will) if isinstance(value, str) else value

    things = {
        key: replace(thing, facts={name: told(name, value) for name, value in thing.facts.items()})
        for key, thing in expected.things.items()
    }
    return Schema(things, expected.server_version, expected.role)
