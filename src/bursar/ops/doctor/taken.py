"""Names that something else has already: what cannot be made under them is left alone in words."""

from bursar.ops.doctor.schema import Schema, Thing

# They share their names within a schema.
_RELATIONS = ("table", "view", "sequence", "index")
_WORDS = {"p": "primary key", "u": "unique constraint", "x": "exclusion constraint"}


def taken_by(missing: Thing, live: Schema) -> str:
    """Say in words what has the name of something that is missing; "" where nothing has."""
    if missing.kind == "constraint":
        other = live.get("constraint", missing.name, missing.of)
        if other is not None and other is not missing:
            return f"a constraint of {missing.of} that says {other.get('definition')}"
        if missing.get("kind") not in _WORDS:
            return ""
        schema = (missing.of or "").rpartition(".")[0]
        return _relation(f"{schema}.{missing.name}", missing, live)
    return _relation(missing.name, missing, live) if missing.kind in _RELATIONS else ""


def _relation(name: str, missing: Thing, live: Schema) -> str:
    for kind in _RELATIONS:
        for other in live.all(kind):
            # An index of the same table is that index, or what a broken-off build left of it.
            if other.name == name and other is not missing and other.of != (missing.of or ""):
                return f"the {kind} {name}" + (f" of {other.of}" if other.of else "")
    for key in live.all("constraint"):
        schema = (key.of or "").rpartition(".")[0]
        owned = key.get("kind") in _WORDS and f"{schema}.{key.name}" == name
        if owned and key is not missing and key.of != missing.of:
            return f"the {_WORDS[key.get('kind')]} of {key.of}"
    return ""
