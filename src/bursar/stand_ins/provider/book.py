"""The book of calls: who asked for what, when, and what came of it. It outlives a crash."""

import hashlib
import time
from pathlib import Path

import msgspec

CALLS_MAX = 20_000
PROMPT_SHOWN = 80


class Entry(msgspec.Struct, kw_only=True):
    """One call. Times are in seconds since 1970; without an end it is under way, or was when the
    process crashed. `answer` is the name of what was answered, the same for the same key."""

    number: int
    key: str
    kind: str
    prompt: str
    begun_at: float
    ended_at: float | None = None
    status: int | None = None
    answer: str = ""
    fingerprint: str = ""


class Book:
    """Calls in the order in which they began, the latest 20,000.

    With a `path` each is also a line of a file when it begins and another when it ends, and a
    process that takes another one's place reads them first.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._entries: dict[int, Entry] = {}
        self._by_key: dict[str, list[Entry]] = {}
        self._path = path
        self._last = 0
        if path is not None and path.exists():
            known = path.read_bytes()
            for line in known.splitlines():
                self._take_up(line)
            if known and not known.endswith(b"\n"):
                path.write_bytes(known + b"\n")

    def begin(self, key: str, kind: str, prompt: str, body: bytes) -> Entry:
        """Note that a call begins."""
        self._last += 1
        entry = Entry(
            number=self._last,
            key=key,
            kind=kind,
            prompt=prompt[:PROMPT_SHOWN],
            begun_at=time.time(),
            fingerprint=hashlib.sha256(body).hexdigest()[:32],
        )
        self._keep(entry)
        self._write(entry)
        return entry

    def end(self, entry: Entry, status: int, answer: str = "") -> None:
        """Note how a call ended."""
        entry.ended_at, entry.status, entry.answer = time.time(), status, answer
        self._write(entry)

    def calls_with(self, key: str) -> list[Entry]:
        """Every call with that key, which is not empty, in order."""
        return self._by_key.get(key, [])

    def shown(self, key: str = "") -> list[Entry]:
        """Every call, or those with a key, in order."""
        return list(self.calls_with(key) if key else self._entries.values())

    def _keep(self, entry: Entry) -> None:
        self._entries[entry.number] = entry
        if entry.key:
            self._by_key.setdefault(entry.key, []).append(entry)
        while len(self._entries) > CALLS_MAX:
            oldest = self._entries.pop(next(iter(self._entries)))
            self._by_key.pop(oldest.key, None)

    def _take_up(self, line: bytes) -> None:
        try:
            entry = msgspec.json.decode(line, type=Entry)
        except msgspec.DecodeError:
            return  # The last line of a process that crashed may be half a line.
        self._last = max(self._last, entry.number)
        known = self._entries.get(entry.number)
        if known is None:
            self._keep(entry)
        else:
            known.ended_at, known.status = entry.ended_at, entry.status
            known.answer = entry.answer

    def _write(self, entry: Entry) -> None:
        if self._path is not None:
            with self._path.open("ab") as file:
                file.write(msgspec.json.encode(entry) + b"\n")
