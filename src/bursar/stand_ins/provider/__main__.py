"""`python -m bursar.stand_ins.provider`: the stand-in as a process of its own.

When it is ready it prints its address, one line; the API is below `/v1` of it. SIGINT and SIGTERM
end it, and with `--end-with-input` so does the end of its standard input.
"""

import argparse
import os
import sys
from pathlib import Path

from bursar.stand_ins.provider.api import Api
from bursar.stand_ins.provider.book import Book
from bursar.stand_ins.provider.server import Server
from bursar.stand_ins.serving import end_with_input, listen, serve


def main() -> None:
    """Serve until told to stop, or to crash."""
    asked = _parser().parse_args()
    try:
        book = Book(asked.book)
        listener = listen(asked.host, asked.port)
    except OSError as error:
        sys.exit(str(error))
    if asked.end_with_input:
        end_with_input()
    # Unlike a key on the command line, this is not in the list of processes.
    api = Api(book, os.environ.get("BURSAR_PROVIDER_API_KEY", "").strip())
    with listener:
        address = f"http://{asked.host}:{listener.getsockname()[1]}"
        serve(Server(api), listener, address, lifespan=False)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bursar.stand_ins.provider",
        description="A local stand-in for a provider of pictures and texts.",
    )
    add = parser.add_argument
    add("--port", type=int, default=8422, help="0 takes a free one")
    add("--host", default="127.0.0.1")
    add("--book", type=Path, metavar="FILE", help="keeps the book of calls across restarts")
    add("--end-with-input", action="store_true", help="end when standard input ends")
    return parser


if __name__ == "__main__":
    main()
