"""The server and its databases: one for each path, most of them made from two templates."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path as FilePath
from typing import LiteralString

import psycopg
from psycopg import sql

from bench.orders import OPENING_BALANCE, POOR_PURCHASES, PRICE, Sizes
from bench.paths.path import Path, Site
from bursar.db.embedded import Cluster
from bursar.ops.migrate import apply_all

SERVICE_ROLE = "bursar_service"
_HERE = FilePath(__file__).parent
# Every path keeps its pool open, and pgbench brings as many connections as it has clients.
_SETTINGS = {"max_connections": "300"}

# Who starts with what. The audit compares every balance with it.
_OPENING: LiteralString = """
CREATE SCHEMA bench;
CREATE TABLE bench.opening AS
    SELECT md5(kind || '-' || n)::uuid AS user_id, balance FROM (
        SELECT 'buyer' AS kind, n, %(rich)s::bigint AS balance
            FROM generate_series(0, %(buyers)s) AS n
        UNION ALL SELECT 'seller', n, %(rich)s FROM generate_series(0, %(sellers)s) AS n
        UNION ALL SELECT 'hot', n, %(rich)s FROM generate_series(0, %(hot)s) AS n
        UNION ALL SELECT 'star', n, %(rich)s FROM generate_series(0, %(stars)s) AS n
        UNION ALL SELECT 'poor', n, %(poor)s FROM generate_series(0, %(poors)s) AS n
    ) AS people;
CREATE TABLE bench.assortment AS
    SELECT md5('reward-' || n)::uuid AS id,
        md5('seller-' || n %% (%(sellers)s + 1))::uuid AS seller_id, %(price)s::bigint AS price
    FROM generate_series(0, %(rewards)s) AS n
    UNION ALL
    SELECT md5('star-' || s || '-' || n)::uuid, md5('star-' || s)::uuid, %(price)s
    FROM generate_series(0, %(stars)s) AS s CROSS JOIN generate_series(0, %(star_rewards)s) AS n;
"""
# The same two views over every schema, so that one audit reads them all.
_BURSAR: LiteralString = """
INSERT INTO public.user_credits (user_id, balance) SELECT user_id, balance FROM bench.opening;
INSERT INTO public.rewards (id, creator_id, name, cost)
    SELECT id, seller_id, 'Sticker', price FROM bench.assortment;
CREATE VIEW bench.wallet AS SELECT user_id, balance FROM public.user_credits;
CREATE VIEW bench.purchase AS
    SELECT c.collector_id AS buyer_id, r.creator_id AS seller_id, c.price
    FROM public.collected_rewards AS c JOIN public.rewards AS r ON r.id = c.reward_id;
"""
_CLASSIC: LiteralString = """
INSERT INTO wallet SELECT user_id, balance FROM bench.opening;
INSERT INTO reward SELECT id, seller_id, price FROM bench.assortment;
CREATE VIEW bench.wallet AS SELECT user_id, balance FROM public.wallet;
CREATE VIEW bench.purchase AS SELECT buyer_id, seller_id, price FROM public.purchase;
"""


@contextlib.contextmanager
def running_cluster() -> Iterator[Cluster]:
    """Start an embedded PostgreSQL 18 with its default, durable settings; delete it afterwards."""
    directory = FilePath(tempfile.mkdtemp(prefix=f"bursar-bench-{os.getpid()}-"))
    directory.chmod(0o711)  # the server's own user has to get through
    cluster = Cluster(directory / "cluster", version="18", settings=_SETTINGS)
    try:
        yield cluster.start()
    finally:
        cluster.remove()
        shutil.rmtree(directory, ignore_errors=True)


def make_databases(cluster: Cluster, paths: Sequence[Path], sizes: Sizes) -> None:
    """Make a database for each path, filled and analysed, then write everything to disk."""
    templates = {path.template for path in paths}
    if "template_bursar" in templates:
        apply_all_to(cluster, "template_bursar")
        open_wallets(cluster, "template_bursar", sizes)
        cluster.give_password(SERVICE_ROLE)
    if "template_classic" in templates:
        cluster.create_database("template_classic")
        with psycopg.connect(cluster.url(database="template_classic")) as connection:
            connection.execute((_HERE / "classic.sql").read_bytes())
        _fill(cluster, "template_classic", sizes, _CLASSIC)
    with psycopg.connect(cluster.url(), autocommit=True) as connection:
        for path in paths:
            if path.template is not None:
                _copy(connection, path.database, path.template)
                continue
            cluster.create_database(path.database)
            url = cluster.url(database=path.database)
            _fill(cluster, path.database, sizes, "SELECT 1")
            path.fill(url)
            _vacuum(url)
        connection.execute("CHECKPOINT")


def open_wallets(cluster: Cluster, database: str, sizes: Sizes) -> None:
    """Give buyers and sellers their balances and put rewards on sale, where our schema is."""
    _fill(cluster, database, sizes, _BURSAR)


def apply_all_to(cluster: Cluster, database: str) -> None:
    """Make a database with our schema."""
    cluster.create_database(database)
    apply_all(cluster.url(database=database))


def site_of(cluster: Cluster, path: Path, sizes: Sizes) -> Site:
    """Return where a path finds its database."""
    service = SERVICE_ROLE if path.template == "template_bursar" else None
    url = cluster.url(database=path.database)
    return Site(
        url,
        cluster.url(service, path.database) if service else url,
        sizes,
        cluster.pid,
        cluster.binary,
    )


def _fill(cluster: Cluster, database: str, sizes: Sizes, statements: LiteralString) -> None:
    url = cluster.url(database=database)
    # Parameters of several statements at once are put in by the client.
    with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute(
            _OPENING,
            {
                "rich": OPENING_BALANCE,
                "poor": POOR_PURCHASES * PRICE,
                "price": PRICE,
                "buyers": sizes.buyers - 1,
                "sellers": sizes.sellers - 1,
                "hot": sizes.hot_buyers - 1,
                "poors": sizes.poor_buyers - 1,
                "stars": sizes.stars - 1,
                "star_rewards": sizes.star_rewards - 1,
                "rewards": sizes.rewards - 1,
            },
        )
        connection.execute(statements)
    _vacuum(url)


def _vacuum(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def _copy(connection: psycopg.Connection, name: str, template: str) -> None:
    connection.execute(
        sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
            sql.Identifier(name), sql.Identifier(template)
        )
    )
