"""Which database a command means: that of the environment, or the embedded one of a directory."""

import atexit
from pathlib import Path

from bursar.cli.login import login
from bursar.db.embedded import open_cluster
from bursar.settings import Settings

DEFAULT_DIRECTORY = Path(".bursar")
DATABASE = "bursar"


def resolve_url(data: Path | None = None) -> str:
    """Return the URL of the database to work on; it may hold a password, so never print it.

    `data` names the directory of an embedded cluster, which is started or joined and left again
    when this program ends. Without it `BURSAR_DATABASE_URL` decides, and where that is empty too,
    the cluster in `.bursar` below the current directory. Raises `ClusterError` when that cannot
    start.
    """
    configured = Settings.from_environment().database_url
    if data is None and configured:
        return login(configured)
    cluster = open_cluster(DEFAULT_DIRECTORY if data is None else data)
    atexit.register(cluster.stop)
    cluster.create_database(DATABASE)
    return cluster.url(database=DATABASE)
