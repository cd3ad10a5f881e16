"""Where adopted tables stand, and whether column and entries agree."""

from typing import Any

from bursar.adoption.sending import ask, require_installed
from bursar.ops.migrate.session import connect


def standing(url: str, asset: str = "") -> list[dict[str, Any]]:
    """Return every adoption, or that of `asset`, with a comparison of column and entries.

    The comparison is of one moment and reads every row; nobody waits for it. `agreement` has
    `wallets`, `unopened`, `balances` (the column's sum), `entries` (theirs), `differing` owners,
    and examples of these; it is None where the table is no more. Raises `MigrationError` for what
    the database says.
    """
    with connect(url, "bursar adopt") as connection:
        require_installed(connection)
        adoptions = [
            dict(adoption)
            for adoption in ask(connection, "SELECT bursar.read_adoptions()")
            if asset in ("", adoption["asset"])
        ]
        for adoption in adoptions:
            adoption["agreement"] = (
                ask(connection, "SELECT bursar.read_agreement(%s)", adoption["asset"])
                if adoption["there"] or adoption["stage"] == "given back"
                else None
            )
        return adoptions
