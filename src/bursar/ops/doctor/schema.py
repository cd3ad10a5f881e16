"""A schema as data: every object of it, read from the catalogue of one database.

PostgreSQL itself renders every definition, with an empty search path, so that two databases on one
version say the same thing in the same words.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

import psycopg

# In the order in which they are told and repaired: what others stand on comes first.
KINDS = (
    "schema",
    "extension",
    "type",
    "sequence",
    "function",
    "table",
    "column",
    "constraint",
    "index",
    "statistics",
    "view",
    "trigger",
    "rule",
    "policy",
    "grant",
    "default_grant",
    "other",
)
_INHABITED = """
SELECT n.nspname FROM pg_catalog.pg_namespace AS n
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    AND (n.nspname <> 'public' OR EXISTS (SELECT FROM pg_catalog.pg_depend AS d
        WHERE d.refclassid = 'pg_catalog.pg_namespace'::regclass AND d.refobjid = n.oid))
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
        WHERE d.classid = 'pg_catalog.pg_namespace'::regclass AND d.objid = n.oid
        AND d.deptype = 'e')
ORDER BY 1
"""
_FILES = {"grant": "grants", "statistics": "statistics", "policy": "policies", "index": "indexes"}


@dataclass(frozen=True, slots=True)
class Thing:
    """One object: what kind it is, its name as SQL would write it, and what is to be said of it.

    `of` is the table, or for a grant the object, that it belongs to.
    """

    kind: str
    name: str
    of: str | None
    facts: Mapping[str, Any] = field(hash=False)

    @property
    def key(self) -> tuple[str, str | None, str]:
        """What no two objects of one database share."""
        return self.kind, self.of, self.name

    def get(self, fact: str) -> Any:
        """Return a fact, or None where there is nothing to say."""
        return self.facts.get(fact)


@dataclass(slots=True)
class Schema:
    """All objects of some schemas of one database."""

    things: dict[tuple[str, str | None, str], Thing]
    server_version: int
    role: str
    _by_table: dict[tuple[str, str | None], list[Thing]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for thing in self.things.values():
            self._by_table.setdefault((thing.kind, thing.of), []).append(thing)

    def get(self, kind: str, name: str, of: str | None = None) -> Thing | None:
        """Return the object of that name, or None."""
        return self.things.get((kind, of, name))

    def all(self, kind: str) -> Iterator[Thing]:
        """Return every object of a kind: in the order in which they were made, or of names."""
        return iter(
            sorted(
                (thing for thing in self.things.values() if thing.kind == kind),
                key=lambda thing: (
                    *(thing.get("made") or 0, thing.of or "", thing.get("place") or 0),
                    thing.name,
                ),
            )
        )

    def of(self, kind: str, table: str) -> list[Thing]:
        """Return the objects of a kind that belong to a table."""
        return self._by_table.get((kind, table), [])


def read_schema(url: str, schemas: Sequence[str]) -> Schema:
    """Read the named schemas of the database at `url`, as of one moment; nothing is changed.

    Raises `psycopg.Error`.
    """
    with psycopg.connect(url, autocommit=True, application_name="bursar doctor") as connection:
        return schema_of(connection, schemas)


def schema_of(connection: psycopg.Connection[Any], schemas: Sequence[str]) -> Schema:
    """Read the named schemas on a connection that is in no transaction."""
    things: dict[tuple[str, str | None, str], Thing] = {}
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        connection.execute("SET LOCAL search_path = ''")
        connection.execute(
            "SELECT pg_catalog.set_config('doctor.schemas', %s::text[]::text, true)",
            [list(schemas)],
        )
        for kind in KINDS:
            query = _query(kind).encode()
            for name, of, facts in connection.execute(query, prepare=False).fetchall():
                thing = Thing(kind, name, of, facts)
                things[thing.key] = thing
        [(role,)] = connection.execute("SELECT quote_ident(current_user)").fetchall()
    return Schema(things, connection.info.server_version, role)


def _query(kind: str) -> str:
    name = _FILES.get(kind, f"{kind}s")
    return (resources.files(__package__) / "catalog" / f"{name}.sql").read_text("utf-8")


def schemas_of(url: str) -> list[str]:
    """Return the names of the schemas in which somebody has put something, the system's left out.

    Raises `psycopg.Error`.
    """
    with psycopg.connect(url, autocommit=True, application_name="bursar doctor") as connection:
        return [row[0] for row in connection.execute(_INHABITED.encode())]
