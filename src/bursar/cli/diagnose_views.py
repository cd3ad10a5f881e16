"""A diagnosis as tables for people: what is wrong comes first, and what is well takes one line."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

_SESSION = ("pid", "role", "application", "state", "in_transaction", "doing")
_HEADS = {"in_transaction": "in transaction s", "waited": "s", "in_state": "s"}
# A table with fewer dead rows than this is not worth a word.
_DEAD_ROWS_MIN = 1_000
_DEAD_SHARE = 0.2


def diagnosis(found: Mapping[str, Any]) -> list[Table | str]:
    """Return everything that was found, and what could not be asked."""
    told: list[Table | str] = []
    if found["activity"] is not None:
        told += _activity(found["activity"])
    if found["server"] is not None:
        told += _server(found["server"])
    if found["work"] is not None:
        told += _work(found["work"])
    told += [
        f"[yellow]{what} is not known: {escape(why)}[/]" for what, why in found["unknown"].items()
    ]
    return told


def _activity(activity: Mapping[str, Any]) -> list[Table | str]:
    told: list[Table | str] = []
    if activity["blockers"]:
        names = ("pid", "role", "application", "state", "in_transaction", "doing", "blocks")
        told.append(_table("Who is in the way", names, activity["blockers"]))
    if activity["waiting"]:
        names = ("pid", "role", "application", "waited", "waits_for", "blocked_by", "doing")
        told.append(_table("Who waits for a lock", names, activity["waiting"]))
    else:
        told.append("Nobody waits for a lock.")
    if activity["oldest"]:
        told.append(_table("Oldest transactions", _SESSION, activity["oldest"]))
    if activity["states"]:
        states = ", ".join(
            f"{one['sessions']} {one['state']} (longest {_number(one['longest_seconds'])} s)"
            for one in activity["states"]
        )
        told.append(f"Sessions: {states}.")
    return told


def _server(server: Mapping[str, Any]) -> list[Table | str]:
    used = server["connections"]
    told: list[Table | str] = [
        f"Connections: {used['used']} of {used['limit']}, {used['reserved']} of them kept for "
        "superusers.",
        f"Database {escape(server['database'])}: {_bytes(server['database_bytes'])}; log: "
        f"{_bytes(server['wal_bytes'])}; {server['deadlocks']} deadlocks since its figures began.",
        f"Schema {server['schema'] or 'unknown'}, PostgreSQL {server['server']}"
        f"{', a replica' if server['in_recovery'] else ''}.",
    ]
    if server["replicas"]:
        names = ("application", "state", "sync", "lag_seconds", "lag_bytes")
        told.append(_table("Replicas", names, server["replicas"]))
    if server["slots"]:
        told.append(_table("Replication slots", ("slot", "active", "keeps_bytes"), server["slots"]))
    swollen = [
        one
        for one in server["tables"]
        if one["dead"] >= max(_DEAD_ROWS_MIN, _DEAD_SHARE * one["live"])
    ]
    if swollen:
        names = ("table", "live", "dead", "bytes", "vacuumed_at")
        told.append(_table("Tables with many dead rows", names, swollen))
    else:
        told.append("No table has many dead rows.")
    slow = server["slow"]
    if not slow["counted"]:
        told.append(f"Slow statements are not counted: {escape(slow['why'])}.")
    elif slow["statements"]:
        names = ("calls", "total_ms", "mean_ms", "max_ms", "doing")
        told.append(_table("Statements by their time in all", names, slow["statements"]))
    return told


def _work(work: Sequence[Mapping[str, Any]]) -> list[Table | str]:
    under_way = [one for one in work if one["open"] or one["stuck"]]
    if not under_way:
        return ["No work waits: " + ", ".join(one["work"] for one in work) + "."]
    return [_table("Work under way", ("work", "open", "stuck", "oldest_seconds"), under_way)]


def _table(title: str, names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(title=title, title_justify="left")
    for name in names:
        table.add_column(_HEADS.get(name, name.replace("_", " ")), overflow="fold")
    for row in rows:
        # A process id is a name, and not a number with thousands.
        table.add_row(
            *(escape(_cell(row[name] if name != "pid" else str(row[name]))) for name in names)
        )
    return table


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(str(one) for one in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _number(value) if isinstance(value, int | float) else str(value)


def _number(value: float | None) -> str:
    """Return a number with thousands apart; nothing where it is not known."""
    if value is None:
        return "?"
    return f"{value:,}" if float(value).is_integer() else f"{value:,.1f}"


def _bytes(size: int | None) -> str:
    """Return a size in MiB, or say that it may not be seen."""
    return "not to be seen" if size is None else f"{size / 2**20:,.0f} MiB"
