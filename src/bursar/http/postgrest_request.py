"""What every door that speaks as PostgREST does reads from the headers, and complains about."""

from bursar.http.exchange import Exchange
from bursar.http.problem import ProblemError, malformed
from bursar.ledger.parcel import mint_key

SCHEMA = "public"
OBJECT_JSON = "application/vnd.pgrst.object+json"
_MEDIA = ("application/json", "application/*", "*/*", "application/vnd.pgrst.array+json")
KEY_LENGTH_MAX = 255
# Parameters about the answer of a function, and not arguments of it.
SHAPING = frozenset({"select", "order", "limit", "offset", "columns"})


def refuse_other_schema(exchange: Exchange, header: bytes) -> None:
    """Raise 406 when the profile header names another schema than the one we show."""
    profile = exchange.header(header)
    if profile and profile != SCHEMA:
        raise ProblemError(
            406,
            "PGRST106",
            f"Invalid schema: {profile[:63]}",
            hint="Only the following schemas are exposed: public",
        )


def refuse_other_media(exchange: Exchange) -> None:
    """Raise 415 when a body is announced as something else than JSON."""
    media = exchange.header(b"content-type").partition(";")[0].strip().lower()
    if media and media not in ("application/json", OBJECT_JSON):
        raise ProblemError(415, "UNSUPPORTED_MEDIA_TYPE", "Send the body as application/json.")


def wants_object(exchange: Exchange) -> bool:
    """Say whether exactly one row is wanted, as an object. Raise 406 for what we cannot produce."""
    accept = exchange.header(b"accept").lower()
    if not accept:
        return False
    kinds = [part.partition(";")[0].strip() for part in accept.split(",")]
    if OBJECT_JSON in kinds:
        return True
    if any(kind in _MEDIA for kind in kinds):
        return False
    raise ProblemError(
        406, "PGRST107", "None of these media types are available: " + ", ".join(kinds)[:200]
    )


def refuse_shaping(exchange: Exchange) -> None:
    """Raise 400 when a function's result is to be shaped: passed over, it would show too much.

    `select=*` asks for nothing that is not given anyway.
    """
    for name, value in exchange.parameters():
        if name in SHAPING and (name, value) != ("select", "*"):
            raise ProblemError(
                400, "PGRST100", f"The parameter {name} is not supported for functions."
            )


def idempotency_key(exchange: Exchange) -> str | None:
    """Return the Idempotency-Key header, or None. Raise 422 when it is not a key."""
    raw = exchange.headers.get(b"idempotency-key")
    if raw is None:
        return None
    key = raw.decode("latin-1")
    if not 1 <= len(key) <= KEY_LENGTH_MAX or not key.isascii() or not key.isprintable():
        raise malformed(
            "Idempotency-Key", f"It must be 1 to {KEY_LENGTH_MAX} printable ASCII characters."
        )
    return key


def key_of(exchange: Exchange) -> str:
    """Return the key to carry a change out under: the one that was sent, or a new one.

    It is kept with the exchange, so that an answer that says "unknown" can name it.
    """
    exchange.key = idempotency_key(exchange) or mint_key()
    return exchange.key


def preferences(exchange: Exchange) -> dict[str, str]:
    """Return what the Prefer header asks for, by name; the first of each counts."""
    found: dict[str, str] = {}
    for part in exchange.header(b"prefer").split(","):
        name, _, value = part.strip().partition("=")
        if name:
            found.setdefault(name.lower(), value.strip().strip('"'))
    return found


def no_such_function(name: str) -> ProblemError:
    """Return PostgREST's 404 for a function, or a set of argument names, that does not exist."""
    return ProblemError(
        404,
        "PGRST202",
        f"Could not find the function public.{name[:63]} with these arguments in the schema cache",
        hint="Check the function's name and the names of its arguments.",
    )


def invalid_json() -> ProblemError:
    """Return PostgREST's complaint about a body that is not JSON."""
    return ProblemError(400, "PGRST102", "Empty or invalid json")


def not_one_row(rows: int) -> ProblemError:
    """Return PostgREST's 406 for a result that is not exactly one row."""
    return ProblemError(
        406,
        "PGRST116",
        "Cannot coerce the result to a single JSON object",
        f"The result contains {rows} rows",
    )
