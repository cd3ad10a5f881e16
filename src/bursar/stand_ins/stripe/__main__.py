"""`python -m bursar.stand_ins.stripe`: the stand-in as a process of its own.

Secrets come from the environment or a file, never from the command line. When it is ready it
prints its address, one line. SIGINT and SIGTERM end it, and with `--end-with-input` so does the
end of its standard input: a parent that holds the other end of that pipe takes it along, however
it dies.
"""

import argparse
import os
import sys
from pathlib import Path

from bursar.stand_ins.serving import end_with_input, listen, serve
from bursar.stand_ins.stripe.book import Rules
from bursar.stand_ins.stripe.company import Company, Options, read_state
from bursar.stand_ins.stripe.server import Server


def main() -> None:
    """Serve until told to stop."""
    asked = _parser().parse_args()
    try:
        options = _options(asked)
        state = read_state(options.state)
        listener = listen(asked.host, asked.port, state.port)
    except (ValueError, OSError) as error:
        sys.exit(str(error))
    if asked.end_with_input:
        end_with_input()
    with listener:
        address = f"http://{asked.host}:{listener.getsockname()[1]}"
        company = Company(options, state, address)
        serve(Server(company), listener, address, lifespan=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bursar.stand_ins.stripe", description="A local stand-in for Stripe."
    )
    add = parser.add_argument
    add("--port", type=int, default=8421, help="0 takes a free one")
    add("--host", default="127.0.0.1")
    add("--webhook", default="", metavar="URL", help="where events are posted")
    add("--secret-file", type=Path, help="holds the signing secret instead of the environment")
    add("--state", type=Path, metavar="FILE", help="keeps sessions and events across restarts")
    add("--attempts", type=int, default=12, help="how often an event is posted at most")
    add("--retry-ms", type=int, default=1000, help="first wait between attempts; doubles")
    add("--settle-seconds", type=float, default=15.0, help="when what is paid later is decided")
    add("--shortest-session", type=int, default=1800, metavar="SECONDS")
    add("--smallest-amount", type=int, metavar="N", help="in minor units; else Stripe's own")
    add("--end-with-input", action="store_true", help="end when standard input ends")
    return parser


def _options(asked: argparse.Namespace) -> Options:
    key = os.environ.get("BURSAR_STRIPE_API_KEY", "").strip()
    if key and not key.startswith(("sk_test_", "rk_test_")):
        raise ValueError("BURSAR_STRIPE_API_KEY must be a test key: sk_test_….")
    secret = os.environ.get("BURSAR_STRIPE_WEBHOOK_SECRET", "")
    if asked.secret_file is not None:
        secret = asked.secret_file.read_text("utf-8")
    secrets = [part.strip() for part in secret.split(",") if part.strip()]
    if not secrets:
        raise ValueError("Set BURSAR_STRIPE_WEBHOOK_SECRET, or name a --secret-file.")
    return Options(
        api_key=key,
        webhook_secrets=secrets,
        webhook=asked.webhook,
        attempts=max(1, asked.attempts),
        retry_seconds=asked.retry_ms / 1000,
        state=asked.state,
        rules=Rules(
            shortest_session_seconds=asked.shortest_session,
            smallest_amount=asked.smallest_amount,
            settle_seconds=asked.settle_seconds,
        ),
    )


if __name__ == "__main__":
    main()
