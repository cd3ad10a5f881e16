"""The server and its databases: one for each path, all made from two templates."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql

from bench.orders import OPENING_BALANCE, POOR_PURCHASES, PRICE, Sizes
from bursar.db.embedded import Cluster
from bursar.ops.migrate import apply_all

SERVICE_ROLE = "bursar_service"
_HERE = Path(__file__).parent

# Who starts with what. The audit compares every balance with it.
_OPENING: LiteralString = """
CREATE SCHEMA bench;
CREATE TABLE bench.opening AS
    SELECT md5(kind || '-' || n)::uuid AS user_id, balance FROM (
        SELECT 'buyer' AS kind, n, %(rich)s::bigint AS balance
            FROM generate_series(0, %(buyers)s) AS n
        UNION ALL SELECT 'seller', n, %(rich)s FROM generate_series(0, %(sellers)s) AS n
        UNION ALL SELECT 'hot', n, %(rich)s FROM generate_series(0, %(hot)s) AS n
        UNION ALL SELECT 'poor', n, %(poor)s FROM generate_series(0, %(poors)s) AS n
    ) AS people;
CREATE TABLE bench.assortment AS
    SELECT md5('reward-' || n)::uuid AS id,
        md5('seller-' || n %% (%(sellers)s + 1))::uuid AS seller_id, %(price)s::bigint AS price
    FROM generate_series(0, %(rewards)s) AS n;
"""
# The same three views over both schemas, so that one audit reads both.
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
    directory = Path(tempfile.mkdtemp(prefix="bursar-bench-"))
    directory.chmod(0o711)  # the server's own user has to get through
    cluster = Cluster(directory / "cluster", version="18")
    try:
        yield cluster.start()
    finally:
        cluster.remove()
        shutil.rmtree(directory, ignore_errors=True)


def make_templates(cluster: Cluster, sizes: Sizes) -> None:
    """Make the databases `template_bursar` and `template_classic`, filled and analysed."""
    for name in ("template_bursar", "template_classic"):
        cluster.create_database(name)
    apply_all(cluster.url(database="template_bursar"))
    cluster.give_password(SERVICE_ROLE)
    fill: tuple[tuple[str, LiteralString], ...] = (
        ("template_bursar", _BURSAR),
        ("template_classic", _CLASSIC),
    )
    for name, statements in fill:
        # Parameters of several statements at once are put in by the client.
        with psycopg.connect(
            cluster.url(database=name), autocommit=True, cursor_factory=psycopg.ClientCursor
        ) as connection:
            if name == "template_classic":
                connection.execute((_HERE / "classic.sql").read_bytes())
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
                    "rewards": sizes.rewards - 1,
                },
            )
            connection.execute(statements)
            connection.execute("VACUUM ANALYZE")


def make_databases(cluster: Cluster, wanted: Sequence[tuple[str, str]]) -> None:
    """Make a database for each (name, template), then write everything to disk."""
    with psycopg.connect(cluster.url(), autocommit=True) as connection:
        for name, template in wanted:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                    sql.Identifier(name), sql.Identifier(template)
                )
            )
        connection.execute("CHECKPOINT")
