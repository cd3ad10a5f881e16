"""A server of its own, with the demonstration on it: for browser tests and for pictures.

`python -m bursar.demo.stage` serves the database of `BURSAR_DATABASE_URL` on a free port of the
loopback interface, prints the address, and goes on until it is told to stop.
"""

import contextlib
import os
import secrets
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bursar.console.routes import console_routes
from bursar.demo.first_pictures import order_first_pictures
from bursar.demo.routes import demo_routes
from bursar.demo.seed import seed
from bursar.http.serve import serve
from bursar.settings import Settings
from bursar.stand_ins.provider.process import LocalProvider
from bursar.stand_ins.stripe.process import StandIn

START_SECONDS = 180
STOP_SECONDS = 15


@contextlib.contextmanager
def stage(
    database_url: str, secret: str = "", settings: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Serve the demonstration on `database_url` in another process, and answer its address.

    `secret` signs the tokens; by default nobody knows it, nor what was agreed upon with RevenueCat.
    `settings` are further variables of its environment. Raises `RuntimeError` when the server does
    not answer within 60 seconds.
    """
    environment = {
        **os.environ,
        "BURSAR_REVENUECAT_AUTHORIZATION": f"Bearer {secrets.token_urlsafe(32)}",
        **(settings or {}),
        "BURSAR_DATABASE_URL": database_url,
        "BURSAR_JWT_SECRET": secret or secrets.token_urlsafe(32),
        "BURSAR_LOG_LEVEL": "error",
    }
    with subprocess.Popen(
        [sys.executable, "-m", "bursar.demo.stage"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            ready, _, _ = select.select([process.stdout], [], [], START_SECONDS)
            address = process.stdout.readline().strip() if ready else ""
            if not address:
                raise RuntimeError("The demonstration did not start.")
            yield address
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


@contextlib.contextmanager
def stage_with_cards(
    database_url: str, options: Sequence[str] = ()
) -> Iterator[tuple[str, StandIn]]:
    """Serve the demonstration beside a card company of its own; answer its address, and that one.

    `options` are those of the card company's command line.
    """
    key, secret = f"sk_test_{secrets.token_hex(24)}", f"whsec_{secrets.token_hex(32)}"
    with StandIn(secret, api_key=key, options=options) as company:
        settings = {
            "BURSAR_STRIPE_API_KEY": key,
            "BURSAR_STRIPE_API_BASE": company.address,
            "BURSAR_STRIPE_WEBHOOK_SECRET": secret,
            "BURSAR_WORKER_INTERVAL_MS": "300",
        }
        with stage(database_url, settings=settings) as address:
            company.send_events_to(f"{address}/api/webhooks/stripe")
            yield address, company


@contextlib.contextmanager
def stage_with_provider(
    database_url: str, settings: Mapping[str, str] | None = None, secret: str = ""
) -> Iterator[tuple[str, LocalProvider]]:
    """Serve the demonstration beside a local provider of its own; answer its address, and that one.

    `settings` are further variables of its environment; `secret` signs the tokens, as for `stage`.
    """
    key = f"sk-local-{secrets.token_hex(24)}"
    with (
        tempfile.TemporaryDirectory(prefix="bursar-stage-") as home,
        # With its book, it knows after a crash what it was asked before.
        LocalProvider(api_key=key, book=Path(home) / "book.jsonl") as provider,
    ):
        known = {
            "BURSAR_PROVIDER_URL": provider.api,
            "BURSAR_PROVIDER_API_KEY": key,
            "BURSAR_WORKER_INTERVAL_MS": "300",
        }
        with stage(database_url, secret, {**known, **(settings or {})}) as address:
            yield address, provider


def main() -> None:
    """Serve until told to stop."""
    settings = Settings.from_environment()
    seed(settings.database_url)
    if settings.provider_url:
        order_first_pictures(settings.database_url)
    serve(
        settings,
        "127.0.0.1",
        0,
        route_handlers=[*console_routes(settings), *demo_routes(settings)],
        on_ready=_announce,
    )


def _announce(address: str) -> None:
    sys.stdout.write(f"{address}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
