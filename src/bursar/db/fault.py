"""What goes wrong with an embedded PostgreSQL, said in words."""

from bursar.errors import BursarError


class ClusterError(BursarError):
    """An embedded PostgreSQL could not be found, made, started, reached or stopped.

    The message says what was tried, why it failed and what to do next; it never holds a password.
    """
