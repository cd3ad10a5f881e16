"""By what an object on one side is known to be the one on the other: not only by its name."""

from collections.abc import Callable, Iterable
from typing import Any

from bursar.ops.doctor.schema import Thing
from bursar.ops.doctor.wording import plain

# What a key or a foreign key is about.
_KEYS = ("kind", "columns", "references", "referenced_columns")


def likenesses(kind: str) -> Iterable[Callable[[Thing], Any]]:
    """Return by what two objects of a kind are the same; the first that fits decides."""
    if kind == "constraint":
        # The same in every word, then by name where it guards the same columns, then by columns.
        return (
            lambda thing: (thing.key, _definition(thing)),
            lambda thing: (thing.of, _definition(thing)),
            lambda thing: thing.key if thing.get("kind") in "cx" else None,
            lambda thing: (
                (thing.of, *map(repr, map(thing.get, _KEYS)))
                if thing.get("kind") in "puf"
                else None
            ),
            lambda thing: (thing.key, *thing.get("columns")) if thing.get("kind") == "f" else None,
            lambda thing: (thing.of, "p") if thing.get("kind") == "p" else None,
        )
    if kind in ("index", "statistics"):
        return (
            lambda thing: (thing.key, _definition(thing)),
            lambda thing: (thing.of, _definition(thing)),
            lambda thing: thing.key,
        )
    if kind == "trigger":
        return (
            lambda thing: thing.key,
            lambda thing: (thing.of, without_name(thing), thing.get("function")),
        )
    return (lambda thing: thing.key,)


def without_name(trigger: Thing) -> str:
    """Return what a trigger does, without what it is called."""
    return _definition(trigger).replace(f"TRIGGER {trigger.name} ", "TRIGGER ", 1)


def _definition(thing: Thing) -> str:
    return plain(str(thing.get("definition")))
