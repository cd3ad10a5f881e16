"""Constraints that a repair needs for a while, and how they are known again if it was broken off.

They are no part of anybody's schema: the doctor takes them away, and asks nobody to decide.
"""

import re

from bursar.ops.doctor.schema import Schema, Thing


def proof_of(table: str, column: str) -> str:
    """Name the check that stands in while NOT NULL is proved."""
    return _named(f"{table}_{column}")


def beside(constraint: str) -> str:
    """Name the constraint that is proved beside the one whose place it takes."""
    return _named(constraint)


def is_leftover(thing: Thing, live: Schema) -> bool:
    """Whether a constraint is what a repair left behind when it was broken off."""
    if thing.kind != "constraint" or not thing.name.startswith("doctor_"):
        return False
    table = thing.of or ""
    for column in thing.get("columns") or ():
        proof = f"CHECK (({column} IS NOT NULL))"
        if (thing.name, thing.get("definition")) == (proof_of(table, column), proof):
            return True
    others = (other.name for other in live.of("constraint", table) if other is not thing)
    return thing.name in map(beside, others)


def _named(text: str) -> str:
    return f"doctor_{re.sub(r'[^a-z0-9_]', '_', text.lower())}"[:60]
