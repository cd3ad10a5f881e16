"""A webhook that rings: it keeps what it is told, or fails as it was told to."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "T0KEN-that-nobody-may-read"


class Bell:
    """Listens at `address`, whose path is a secret, between entering and leaving.

    `answers` are the statuses of the next answers; after them it is 200. `location` is where it
    says to go instead, and `hangs` how many seconds it takes.
    """

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.asked = 0
        self.answers: list[int] = []
        self.location = ""
        self.hangs = 0.0
        bell = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                bell.asked += 1
                time.sleep(bell.hangs)
                status = bell.answers.pop(0) if bell.answers else 200
                if status == 200:
                    bell.told.append(json.loads(body) | {"path": self.path})
                self.send_response(status)
                if bell.location:
                    self.send_header("location", bell.location)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.address = f"http://127.0.0.1:{self._server.server_port}/hooks/{TOKEN}"

    def __enter__(self) -> "Bell":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def heard(self) -> list[tuple[str, str]]:
        """Alert and state of what it was told, in order."""
        return [(one["alert"], one["state"]) for one in self.told]
