"""Requirements put in order: what is required comes first, ties keep the order they came in."""

import heapq
from collections.abc import Mapping, Sequence

from bursar.ops.migrate.errors import SourceInvalid


def in_order(paths: Sequence[str], requires: Mapping[str, Sequence[str]]) -> list[str]:
    """Return `paths` with each after everything that `requires` names for it.

    Among those that could come next, the one that stands first in `paths` does, so the answer
    depends on nothing but the arguments. Raises `SourceInvalid` that names the files when a
    requirement is not among `paths`, or when requirements go round in a circle.
    """
    rank = {path: place for place, path in enumerate(paths)}
    waiting: dict[str, set[str]] = {}
    dependents: dict[str, list[str]] = {path: [] for path in paths}
    for path in paths:
        waiting[path] = set(requires[path])
        for required in waiting[path]:
            if required not in rank:
                raise SourceInvalid(
                    f"{path} requires {required}, which does not exist or is in a room left out."
                )
            dependents[required].append(path)
    ready = [rank[path] for path in paths if not waiting[path]]
    heapq.heapify(ready)
    ordered: list[str] = []
    while ready:
        path = paths[heapq.heappop(ready)]
        ordered.append(path)
        for dependent in dependents[path]:
            waiting[dependent].discard(path)
            if not waiting[dependent]:
                heapq.heappush(ready, rank[dependent])
    if len(ordered) < len(paths):
        raise SourceInvalid(f"These files require each other: {_circle(waiting, set(ordered))}.")
    return ordered


def _circle(waiting: Mapping[str, set[str]], placed: set[str]) -> str:
    """Follow requirements that could not be met until one comes round again."""
    path = min(path for path in waiting if path not in placed)
    trail: list[str] = []
    while path not in trail:
        trail.append(path)
        path = min(waiting[path])
    return " → ".join([*trail[trail.index(path) :], path])
