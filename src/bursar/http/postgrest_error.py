"""What a database error becomes at the doors that speak as PostgREST does."""

import psycopg

from bursar.errors import BY_SQLSTATE
from bursar.http.principal import Principal
from bursar.http.problem import ProblemError

# The first entry that an SQLSTATE begins with decides. What is not here is a fault.
_STATUS: tuple[tuple[str, int], ...] = (
    ("08", 503),
    ("53400", 500),
    ("53", 503),
    ("22", 400),
    ("23503", 409),
    ("23505", 409),
    ("23P01", 409),
    ("23", 400),
    ("25006", 405),
    ("28", 403),
    ("0L", 403),
    ("0P", 403),
    ("0A000", 400),
    ("42501", 403),
    ("42883", 404),
    ("42P01", 404),
    ("42703", 400),
    ("428C9", 400),
    ("42601", 500),
    ("42", 400),
    ("44000", 400),
    ("P0001", 400),
    ("55P03", 503),
    ("57014", 504),
    ("57P", 503),
)


def status_of(sqlstate: str, principal: Principal) -> int:
    """Return the HTTP status of an SQLSTATE; one that nobody foresaw is 500.

    What `anon` may not do is 401: signing in may help.
    """
    refusal = BY_SQLSTATE.get(sqlstate)
    if refusal is not None:
        return refusal.http_status
    if sqlstate.startswith("PT") and sqlstate[2:].isdigit() and 400 <= int(sqlstate[2:]) < 600:
        return int(sqlstate[2:])
    for start, status in _STATUS:
        if sqlstate.startswith(start):
            return 401 if sqlstate == "42501" and principal.role == "anon" else status
    return 500


def of_database_error(error: psycopg.Error, principal: Principal) -> ProblemError:
    """Return the answer to a database error.

    Messages of faults stay with us; those of everything else are the caller's to read.
    """
    sqlstate = error.sqlstate
    if sqlstate is None:
        if isinstance(error, psycopg.DataError):  # psycopg itself refused the value: a NUL.
            return ProblemError(400, "22021", "Text must not contain the character NUL.")
        return unavailable()
    status = status_of(sqlstate, principal)
    if sqlstate.startswith(("08", "57P")):
        return unavailable()
    if status == 500:
        return ProblemError(500, sqlstate, "The database failed; the fault has been logged.")
    headers = [(b"www-authenticate", b"Bearer")] if status == 401 else []
    diagnosis = error.diag
    return ProblemError(
        status,
        sqlstate,
        diagnosis.message_primary or "",
        diagnosis.message_detail,
        hint=diagnosis.message_hint,
        headers=headers,
    )


def unavailable() -> ProblemError:
    """Return the answer while the database cannot be reached.

    Nothing was changed: it was not sent, it only read, or its COMMIT was never asked for.
    """
    return ProblemError(503, "PGRST001", "The database cannot be reached.")
