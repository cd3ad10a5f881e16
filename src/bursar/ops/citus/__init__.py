"""The ledger beyond one machine: tables on Citus, distributed by owner (docs/scale.md).

A road of its own beside the kernel: grants, spends, transfers and purchases. `up`, `down` and
`verify` are called with the libpq URL of the coordinator and a role that owns the database.
"""

from importlib import resources

import psycopg
from psycopg import sql

# Tables first, then functions in the order in which they need each other.
FILES = ("layout_up", "write_down", "half", "carry", "across", "audit")
LOCK_TIMEOUT = "5s"


def up(url: str) -> None:
    """Make the layout, in one transaction over all nodes; the kernel is on each of them already.

    Raises `psycopg.Error`, and has changed nothing, when it exists or when a node is away.
    """
    _run(url, FILES)
    verify(url)


def down(url: str) -> None:
    """Remove the layout and all that is in it: no way back."""
    _run(url, ("layout_down",))


def verify(url: str) -> None:
    """Raise `psycopg.errors.RaiseException` when the layout is not what its functions rely on."""
    _run(url, ("layout_verify",))


def _run(url: str, names: tuple[str, ...]) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(
            sql.SQL("SELECT set_config('lock_timeout', {}, true)").format(sql.Literal(LOCK_TIMEOUT))
        )
        # The kernel was installed node by node with this off; what follows goes to all of them.
        connection.execute("SET LOCAL citus.enable_ddl_propagation = on")
        for name in names:
            connection.execute(resources.files(__package__).joinpath(f"{name}.sql").read_bytes())
