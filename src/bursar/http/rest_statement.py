"""SQL for the tables' door, composed of names that the catalogue knows and of parameters."""

from typing import Any

from psycopg import sql

from bursar.http.catalogue import Catalogue, ForeignKey, Table
from bursar.http.problem import ProblemError
from bursar.http.query import OPERATORS, Column, Embedded, Filter, Order, Query, not_understood

_BASE = sql.Identifier("_base")


def quoted(name: str) -> sql.Identifier:
    """Return a name as an identifier; the driver takes a lone percent sign for a parameter."""
    return sql.Identifier(name.replace("%", "%%"))


class UnknownColumnError(ProblemError):
    """A column that the catalogue does not know (yet)."""

    def __init__(self, table: str, column: str) -> None:
        super().__init__(400, "42703", f"column {table}.{column[:63]} does not exist")


def qualified(table: Table) -> sql.Composed:
    """Return the table's name with its schema."""
    return sql.SQL("{}.{}").format(quoted("public"), quoted(table.name))


async def select_statement(
    catalogue: Catalogue, table: Table, query: Query, *, count: bool
) -> tuple[sql.Composed, list[Any]]:
    """Compose a read: one row with the JSON text, its number of rows, and the total or null."""
    joins, wheres, shown = [], [], columns_of(table, query.columns)
    for number, embedded in enumerate(query.embedded):
        join, column = await _join(catalogue, table, embedded, f"_embedded_{number}")
        joins.append(join)
        shown.append(column)
        if embedded.inner:
            wheres.append(sql.SQL("{}.found").format(quoted(f"_embedded_{number}")))
    if not shown:
        raise not_understood("Nothing is selected.")
    values: list[Any] = []
    wheres += [condition(table, item, values) for item in query.filters]
    source = sql.SQL("{} AS {}").format(qualified(table), _BASE)
    for join in joins:
        source += join
    where = where_clause(wheres)
    rows = sql.SQL("SELECT {} FROM {}{}{} LIMIT {} OFFSET {}").format(
        sql.SQL(", ").join(shown),
        source,
        where,
        _order_clause(table, query.orders),
        sql.Literal(query.limit),
        sql.Literal(query.offset),
    )
    total: sql.Composable = sql.SQL("NULL::bigint")
    if count:
        total = sql.SQL("(SELECT count(*) FROM {}{})").format(source, where)
    statement = sql.SQL(
        "SELECT coalesce(json_agg(_row), '[]')::text, count(_row), {} FROM ({}) AS _row"
    ).format(total, rows)
    return statement, values * 2 if count else values


def columns_of(table: Table, columns: tuple[Column, ...]) -> list[sql.Composable]:
    """Return the select list of a table's own columns."""
    return [
        sql.SQL("{}.{} AS {}").format(_BASE, quoted(name), quoted(alias))
        for name, alias in _named(table, columns)
    ]


def _named(table: Table, columns: tuple[Column, ...]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for column in columns:
        if column.name == "*":
            taken = {alias for _, alias in found}
            found += [(name, name) for name in table.columns if name not in taken]
        else:
            require_column(table, column.name)
            if (column.name, column.alias) not in found:
                found.append((column.name, column.alias))
    return found


def require_column(table: Table, name: str) -> None:
    """Raise when the table has no such column."""
    if name not in table.columns:
        raise UnknownColumnError(table.name, name)


def condition(table: Table, item: Filter, values: list[Any]) -> sql.Composed:
    """Compose one condition and append its values."""
    require_column(table, item.name)
    column = sql.SQL("{}.{}").format(_BASE, quoted(item.name))
    if item.operator == "is":
        made = sql.SQL("{} IS {}").format(column, sql.SQL(item.values[0]))
    elif item.operator == "in":
        if item.values:
            values.extend(item.values)
            places = sql.SQL(", ").join([sql.Placeholder()] * len(item.values))
            made = sql.SQL("{} IN ({})").format(column, places)
        else:
            made = sql.SQL("false").format()
    else:
        values.append(item.values[0])
        made = sql.SQL("{} {} %s").format(column, sql.SQL(OPERATORS[item.operator]))
    return sql.SQL("NOT ({})").format(made) if item.negated else made


def where_clause(conditions: list[sql.Composed]) -> sql.Composed:
    """Return the conditions as a WHERE clause, empty when there are none."""
    if not conditions:
        return sql.Composed([])
    return sql.SQL(" WHERE {}").format(sql.SQL(" AND ").join(conditions))


def _order_clause(table: Table, orders: tuple[Order, ...]) -> sql.Composed:
    if not orders:
        return sql.Composed([])
    parts = []
    for order in orders:
        require_column(table, order.name)
        nulls = {None: "", True: " NULLS FIRST", False: " NULLS LAST"}[order.nulls_first]
        way = " DESC" if order.descending else " ASC"
        parts.append(
            sql.SQL("{}.{}{}{}").format(_BASE, quoted(order.name), sql.SQL(way), sql.SQL(nulls))
        )
    return sql.SQL(" ORDER BY {}").format(sql.SQL(", ").join(parts))


async def _join(
    catalogue: Catalogue, table: Table, embedded: Embedded, name: str
) -> tuple[sql.Composed, sql.Composed]:
    """Compose the join to an embedded row and the column that shows it."""
    key = _foreign_key(table, embedded)
    target = await catalogue.table(key.target)
    if target is None:
        raise ProblemError(400, "PGRST200", f"There is no table {key.target}.")
    shown = sql.SQL(", ").join(
        sql.SQL("_target.{} AS {}").format(quoted(column), quoted(alias))
        for column, alias in _named(target, embedded.columns)
    )
    matched = sql.SQL(" AND ").join(
        sql.SQL("_target.{} = {}.{}").format(quoted(there), _BASE, quoted(here))
        for here, there in key.columns
    )
    join = sql.SQL(
        " LEFT JOIN LATERAL (SELECT true AS found, to_json(_shown) AS embedded FROM"
        " (SELECT {} FROM {} AS _target WHERE {}) AS _shown) AS {} ON true"
    ).format(shown, qualified(target), matched, quoted(name))
    column = sql.SQL("{}.embedded AS {}").format(quoted(name), quoted(embedded.alias))
    return join, column


def _foreign_key(table: Table, embedded: Embedded) -> ForeignKey:
    """Find the one foreign key that is meant: by target, by column or by name."""
    fitting = [
        key
        for key in table.foreign_keys
        if embedded.name in (key.target, key.name)
        or (len(key.columns) == 1 and key.columns[0][0] == embedded.name)
    ]
    if embedded.hint is not None:
        fitting = [
            key
            for key in fitting
            if embedded.hint == key.name or embedded.hint in (here for here, _ in key.columns)
        ]
    if not fitting:
        raise ProblemError(
            400,
            "PGRST200",
            f"Could not find a relationship between '{table.name}' and '{embedded.name}'"
            " in the schema cache",
            "Only rows that a foreign key of this table leads to can be embedded.",
        )
    if len(fitting) > 1:
        raise ProblemError(
            300,
            "PGRST201",
            f"Could not embed because more than one relationship was found for '{table.name}'"
            f" and '{embedded.name}'",
            hint="Name the foreign key: "
            + ", ".join(f"{embedded.name}!{key.name}" for key in fitting),
        )
    return fitting[0]


def insert_statement(
    table: Table, columns: list[str], query: Query, *, representation: bool
) -> sql.Composed:
    """Compose an INSERT of a JSON array, its only parameter."""
    for column in columns:
        require_column(table, column)
    names = sql.SQL(", ").join(map(quoted, columns))
    if columns:
        change = sql.SQL(
            "INSERT INTO {} AS {} ({}) SELECT {} FROM"
            " json_populate_recordset(NULL::{}, %s::json) AS _body"
        ).format(
            qualified(table),
            _BASE,
            names,
            sql.SQL(", ").join(sql.SQL("_body.{}").format(quoted(c)) for c in columns),
            qualified(table),
        )
    else:
        change = sql.SQL("INSERT INTO {} AS {} DEFAULT VALUES").format(qualified(table), _BASE)
    return _changed(table, change, query, representation=representation)


def update_statement(
    table: Table, columns: list[str], query: Query, *, representation: bool
) -> tuple[sql.Composed, list[Any]]:
    """Compose an UPDATE of the filtered rows; the first parameter is a JSON object."""
    for column in columns:
        require_column(table, column)
    values: list[Any] = []
    conditions = [condition(table, item, values) for item in query.filters]
    if not columns:
        raise not_understood("An update names at least one column.")
    change = sql.SQL(
        "UPDATE {} AS {} SET {} FROM json_populate_record(NULL::{}, %s::json) AS _body{}"
    ).format(
        qualified(table),
        _BASE,
        sql.SQL(", ").join(sql.SQL("{0} = _body.{0}").format(quoted(c)) for c in columns),
        qualified(table),
        where_clause(conditions),
    )
    return _changed(table, change, query, representation=representation), values


def _changed(
    table: Table, change: sql.Composed, query: Query, *, representation: bool
) -> sql.Composed:
    """Wrap a change so that it answers like a read: JSON text and the number of rows."""
    if query.embedded:
        raise not_understood("Embedding is not supported for changes.")
    if not representation:
        return sql.SQL(
            "WITH _row AS ({} RETURNING 1) SELECT NULL::text, count(*) FROM _row"
        ).format(change)
    return sql.SQL(
        "WITH _row AS ({} RETURNING {})"
        " SELECT coalesce(json_agg(_row), '[]')::text, count(*) FROM _row"
    ).format(change, sql.SQL(", ").join(columns_of(table, query.columns)))
