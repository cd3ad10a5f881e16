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
from collections.abc import Iterator

from bursar.demo.routes import demo_routes
from bursar.demo.seed import seed
from bursar.http.serve import serve
from bursar.settings import Settings

START_SECONDS = 30
STOP_SECONDS = 15


@contextlib.contextmanager
def stage(database_url: str, secret: str = "") -> Iterator[str]:
    """Serve the demonstration on `database_url` in another process, and answer its address.

    `secret` signs the tokens; by default nobody knows it. Raises `RuntimeError` when the server
    does not answer within 30 seconds.
    """
    environment = {
        **os.environ,
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


def main() -> None:
    """Serve until told to stop."""
    settings = Settings.from_environment()
    seed(settings.database_url)
    serve(
        settings,
        "127.0.0.1",
        0,
        route_handlers=demo_routes(settings),
        on_ready=_announce,
    )


def _announce(address: str) -> None:
    sys.stdout.write(f"{address}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
