"""Configuration: every `BURSAR_*` variable with its default and reason, read once."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

PROCESSES_MAX = 64
# What Stripe allows for a checkout session.
CHECKOUT_MINUTES_MIN, CHECKOUT_MINUTES_MAX = 30, 1440
# A session is kept nowhere and cannot be called back.
SESSION_SECONDS_MAX = 30 * 86_400


def _setting(default: Any, doc: str, *, secret: bool = False) -> Any:
    return field(default=default, repr=not secret, metadata={"doc": doc})


# Names that operators know from other services, for those who have them in their runbooks already.
_ALSO = {"BURSAR_DEGRADED_MODE": "DEGRADED_MODE"}


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
    stripe_api_key: str = _setting("", "key at Stripe; empty means no cards", secret=True)
    stripe_api_base: str = _setting("https://api.stripe.com", "address at which Stripe answers")
    stripe_webhook_secret: str = _setting(
        "", "signing secrets of Stripe's events, separated by commas while they rotate", secret=True
    )
    stripe_tolerance_seconds: int = _setting(300, "how far a signature's clock may be from ours")
    stripe_timeout_ms: int = _setting(10_000, "time limit of one request to Stripe")
    checkout_minutes: int = _setting(30, "how long a checkout session stays open, 30 to 1440")
    checkout_success_url: str = _setting(
        "", "where a buyer returns to after paying; empty means the demo's page"
    )
    checkout_cancel_url: str = _setting(
        "", "where a buyer returns to who did not pay; empty means the demo's page"
    )
    revenuecat_authorization: str = _setting(
        "", "what RevenueCat sends as Authorization header with its events", secret=True
    )
    revenuecat_signature_secret: str = _setting(
        "", "secret of RevenueCat's signatures; empty means they are not asked for", secret=True
    )
    spool_directory: str = _setting(
        "", "where claims and store events are kept while the database is away; empty means nowhere"
    )
    spool_bytes_max: int = _setting(67_108_864, "how much the spool keeps, at most")
    provider_url: str = _setting(
        "", "base address of an OpenAI-compatible API, with its /v1; empty means no generation"
    )
    provider_api_key: str = _setting("", "key at that API; empty sends none", secret=True)
    provider_model: str = _setting("", "model where a product names none; empty leaves it out")
    worker_jobs: int = _setting(4, "generation jobs that a process works on at once; 0 means none")
    worker_lease_seconds: int = _setting(30, "how long a job stays a worker's without a heartbeat")
    worker_interval_ms: int = _setting(2000, "pause between two rounds of the background worker")
    session_seconds: int = _setting(43_200, "how long somebody stays signed in to the community")
    seal_interval_seconds: int = _setting(
        0, "how often the worker seals what was committed meanwhile; 0 means never"
    )
    backup_directory: str = _setting("backups", "where backups are written to and looked for")
    degraded_mode: str = _setting(
        "", "1, true or on refuses every write while this process runs; also `DEGRADED_MODE`"
    )
    watch_directory: str = _setting(
        "", "a directory on the disk of the database's log, which is watched; empty means none"
    )
    watch_free_bytes_min: int = _setting(
        134_217_728, "changes are paused while that disk has less room than this"
    )
    alert_webhook: str = _setting(
        "", "address that is told of alerts when they fire and clear; empty means none", secret=True
    )
    log_level: str = _setting("info", "debug, info, warning or error")

    @property
    def is_degraded(self) -> bool:
        """Whether this process was told to refuse every change."""
        return self.degraded_mode.lower() in ("1", "true", "on")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """Read the variables of `environment`, by default the process's own.

        Raises `ValueError` that names the variable, never its value, when one cannot be read.
        """
        source = os.environ if environment is None else environment
        values: dict[str, Any] = {}
        for item in fields(cls):
            name = f"BURSAR_{item.name.upper()}"
            text = source.get(name, "").strip() or source.get(_ALSO.get(name, ""), "").strip()
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
        if not CHECKOUT_MINUTES_MIN <= settings.checkout_minutes <= CHECKOUT_MINUTES_MAX:
            raise ValueError(
                f"BURSAR_CHECKOUT_MINUTES must be {CHECKOUT_MINUTES_MIN} to {CHECKOUT_MINUTES_MAX}."
            )
        if not 60 <= settings.session_seconds <= SESSION_SECONDS_MAX:
            raise ValueError(f"BURSAR_SESSION_SECONDS must be 60 to {SESSION_SECONDS_MAX}.")
        if settings.jwt_secret and len(settings.jwt_secret) < 32:
            raise ValueError("BURSAR_JWT_SECRET must have at least 32 characters.")
        return settings
