"""The service as it is deployed: uvicorn with our settings, our app, nothing left out."""

import sys

from bursar.http.serve import serve
from bursar.settings import Settings


def main() -> None:
    """Serve on a free port of the loopback interface until told to stop."""
    serve(Settings.from_environment(), "127.0.0.1", 0, on_ready=say)


def say(address: str) -> None:
    """Tell the harness where to connect."""
    sys.stdout.write(f"{address}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
