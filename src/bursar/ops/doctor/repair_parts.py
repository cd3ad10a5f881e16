"""What comes with something that is missing: its parts and its grants.

The comparison tells of a missing table once. Its keys, indexes, triggers, policies and grants are
missing with it, and are made after it as steps of their own.
"""

from collections.abc import Iterator

from bursar.ops.doctor.compare import Difference, split_column
from bursar.ops.doctor.schema import Schema, Thing

_PARTS = ("constraint", "index", "statistics", "trigger", "rule", "policy")
# How ALTER and GRANT call what a kind of thing is.
WORDS = {
    "schema": "SCHEMA",
    "type": "TYPE",
    "sequence": "SEQUENCE",
    "function": "FUNCTION",
    "table": "TABLE",
    "view": "VIEW",
}
# What everybody may do with something new, unless it is taken back.
_OPEN = {"function": "EXECUTE", "type": "USAGE"}


def parts_of(missing: Difference, expected: Schema) -> Iterator[Difference]:
    """Yield what is missing because `missing` is, and what making it would open to everybody."""
    thing = missing.thing
    if thing.kind in ("table", "view"):
        for kind in _PARTS:
            for part in sorted(expected.of(kind, thing.name), key=_keys_first):
                if not part.get("cloned"):
                    yield Difference("missing", part, None)
    if thing.kind == "sequence" and thing.get("owned_by"):
        unowned = Thing("sequence", thing.name, None, {**thing.facts, "owned_by": None})
        yield Difference("owned_by", thing, unowned)
    if thing.kind not in WORDS:
        return
    granted = [grant for grant in expected.all("grant") if _is_on(grant, thing)]
    for grant in granted:
        # What everybody gets by itself is not given again.
        if not (grant.name == "PUBLIC" and thing.kind in _OPEN):
            yield Difference("missing", grant, None)
    opened = _OPEN.get(thing.kind)
    if opened and not any(grant.name == "PUBLIC" for grant in granted):
        on = f"{_word(thing)} {thing.name}"
        yield Difference("extra", None, Thing("grant", "PUBLIC", on, {"privileges": [opened]}))


def _keys_first(part: Thing) -> tuple[bool, bool]:
    kind = part.get("kind")
    return kind == "f", kind != "p"


def _word(thing: Thing) -> str:
    if thing.kind == "function":
        return "PROCEDURE" if thing.get("kind") == "p" else "FUNCTION"
    return "TABLE" if thing.kind == "view" else WORDS[thing.kind]


def _is_on(grant: Thing, thing: Thing) -> bool:
    what, _, name = (grant.of or "").partition(" ")
    if what == "COLUMN":
        what, name = "TABLE", split_column(name)[0]
    return (what, name) == (_word(thing), thing.name)
