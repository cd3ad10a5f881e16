"""Configuration: every `BURSAR_*` variable with its default and reason, read once."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

PROCESSES_MAX = 64


def _setting(default: Any, doc: str, *, secret: bool = False) -> Any:
    return field(default=default, repr=not secret, metadata={"doc": doc})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One field per variable: `database_url` is `BURSAR_DATABASE_URL`, and so on.

    Secrets are left out of `repr`, so that a printed or logged value never holds one.
    """

    database_url: str = _setting(
        "", "libpq URL of the database; empty means the embedded one", secret=True
    )
    replica_url: str = _setting(
        "", "libpq URL of a streaming replica that may answer for history", secret=True
    )
    replica_lag_ms_max: int = _setting(5000, "how far behind the replica may be and be read")
    jwt_secret: str = _setting("", "secret of HS256 tokens, at least 32 characters", secret=True)
    jwt_jwks_url: str = _setting(
        "", "https address of a JWKS document with the keys of RS256 and ES256 tokens"
    )
    jwt_audience: str = _setting("", "audience that a token must name; empty means any")
    jwt_issuer: str = _setting("", "issuer that a token must name; empty means any")
    processes: int = _setting(1, "server processes that share the address, 1 to 64")
    lanes: int = _setting(2, "database connections that carry out batches side by side")
    batch_size_max: int = _setting(256, "requests in one batch, at most")
    queue_size_max: int = _setting(4096, "requests waiting in the engine before it says BUSY")
    lock_timeout_ms: int = _setting(250, "wait for a wallet's lock before a batch goes on without")
    busy_timeout_ms: int = _setting(2000, "total wait for a busy wallet before it is said to be")
    statement_timeout_ms: int = _setting(15000, "time limit of any one statement")
    retry_attempts: int = _setting(6, "tries of a batch whose connection or transaction was lost")
    retry_backoff_ms: int = _setting(50, "first wait between tries; doubles, with full jitter")
    pool_size_max: int = _setting(8, "further connections, for reads and stored procedures")
    body_bytes_max: int = _setting(1_048_576, "largest request body accepted over HTTP")
    request_timeout_ms: int = _setting(30_000, "time limit of one HTTP request")
    connections_max: int = _setting(1024, "HTTP connections served at once")
    cors_origins: str = _setting(
        "", "origins whose pages may call the API, separated by commas; * means any"
    )
    degraded_mode: str = _setting("", "1, true or on refuses every write while this process runs")
    log_level: str = _setting("info", "debug, info, warning or error")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """Read the variables of `environment`, by default the process's own.

        Raises `ValueError` that names the variable, never its value, when one cannot be read.
        """
        source = os.environ if environment is None else environment
        values: dict[str, Any] = {}
        for item in fields(cls):
            name = f"BURSAR_{item.name.upper()}"
            text = source.get(name, "").strip()
            if not text:
                continue
            if item.type is int:
                if not text.isascii() or not text.isdigit():
                    raise ValueError(f"{name} must be a whole number that is not negative.")
                values[item.name] = int(text)
            else:
                values[item.name] = text
        settings = cls(**values)
        if not 1 <= settings.processes <= PROCESSES_MAX:
            raise ValueError(f"BURSAR_PROCESSES must be 1 to {PROCESSES_MAX}.")
        if settings.jwt_secret and len(settings.jwt_secret) < 32:
            raise ValueError("BURSAR_JWT_SECRET must have at least 32 characters.")
        return settings
