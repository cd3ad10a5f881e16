"""A small source of migrations written to a directory, for a test or a rehearsal."""

from pathlib import Path

from bursar.ops.migrate.source import Source


class Tree:
    """Migration files below `root`, which is made when the first is written."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def step(
        self, name: str, up: str, down: str = "", verify: str = "", concurrent: str = ""
    ) -> None:
        """Write the files of the step called `name`, such as `0001_ledger`."""
        for part, text in (("up", up), ("down", down), ("verify", verify)):
            self.write(f"migrations/{name}/{part}.sql", text)
        if concurrent:
            self.write(f"migrations/{name}/concurrent.sql", concurrent)

    def write(self, path: str, text: str) -> None:
        """Write `text` to the file at `path` below the root."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def remove(self, path: str) -> None:
        """Delete the file at `path`."""
        (self.root / path).unlink()

    @property
    def source(self) -> Source:
        """The files as they are now."""
        return Source.load(self.root)
