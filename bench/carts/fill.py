"""The databases: ours, the loop's, and a small one on which a naive loop may do its worst."""

from pathlib import Path

import psycopg

from bench.carts.stock import BLOCK, BUYERS, SELLING
from bench.prepare import SERVICE_ROLE, apply_all_to
from bursar.db.embedded import Cluster

OURS, CLASSIC, NAIVE = "carts", "carts_classic", "carts_naive"
# A storm needs no large tables.
_NAIVE_LEADS = 1000
_HERE = Path(__file__).parent


def make_databases(cluster: Cluster, leads: int) -> None:
    """Make and fill the three databases, and write everything to disk.

    `leads` is how many there are of each kind of stock.
    """
    apply_all_to(cluster, OURS)
    cluster.give_password(SERVICE_ROLE)
    for name in (CLASSIC, NAIVE):
        cluster.create_database(name)
        with psycopg.connect(cluster.url(database=name)) as connection:
            connection.execute((_HERE / "classic.sql").read_bytes())
    for name, number in ((OURS, leads), (CLASSIC, leads), (NAIVE, _NAIVE_LEADS)):
        _fill(cluster.url(database=name), number)
    with psycopg.connect(cluster.url(), autocommit=True) as connection:
        connection.execute("CHECKPOINT")


def _fill(url: str, leads: int) -> None:
    # Parameters of several statements at once are put in by the client.
    with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute(
            (_HERE / "fill.sql").read_bytes(),
            {
                "workspaces": BUYERS + SELLING,
                "selling": SELLING,
                "block": BLOCK,
                "leads": leads,
            },
        )
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
