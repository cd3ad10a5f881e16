"""How PostgreSQL's own programs are told which database is meant: by their environment.

Every user of a machine may read a command line, and only the owner of a process its environment.
"""

import os

from psycopg.conninfo import conninfo_to_dict

# What libpq reads from the environment, by the name in a connection string.
_VARIABLES = {
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "port": "PGPORT",
    "dbname": "PGDATABASE",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "sslmode": "PGSSLMODE",
    "options": "PGOPTIONS",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "application_name": "PGAPPNAME",
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "service": "PGSERVICE",
    "passfile": "PGPASSFILE",
    "channel_binding": "PGCHANNELBINDING",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
}


def libpq_environment(url: str) -> dict[str, str]:
    """Return the environment of this process, with what `url` says in libpq's own variables.

    It holds the password: hand it to a program, never print it. Raises `ValueError`, which names
    no value, for a parameter that has no variable.
    """
    environment = dict(os.environ)
    for name, value in conninfo_to_dict(url).items():
        variable = _VARIABLES.get(name)
        if variable is None:
            raise ValueError(f"The URL's parameter {name} cannot be passed to another program.")
        environment[variable] = str(value)
    return environment
