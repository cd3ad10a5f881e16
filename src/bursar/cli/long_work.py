"""Long work on a terminal: how far it is, and an orderly end when it is told to stop."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from bursar.cli.answer import FAILED, CommandError, console
from bursar.cli.ending import Ending, Told


class LongWork:
    """Shows one line that changes, and raises `Told` from `say` when the program is to stop."""

    def __init__(self, ending: Ending, progress: Progress) -> None:
        self._ending = ending
        self._progress = progress
        self._task = progress.add_task("", total=None)

    def say(self, doing: str) -> None:
        """Show what is being done."""
        self._ending.check()
        self._progress.update(self._task, description=doing)

    def say_bytes(self, doing: str, done: int, of: int | None = None) -> None:
        """Show what is being done, and how far it is: bytes, or things that are left to do."""
        if doing == "Dumping":
            self.say(f"{doing}: {done / 1_000_000:,.1f} MB written")
        elif of:
            self.say(f"{doing}: {done * 100 // of} %")
        else:
            self.say(f"{doing}: {done:,} left")


@contextmanager
def long_work(left_behind: str) -> Iterator[LongWork]:
    """Run a block that may be told to stop; then the command ends with `left_behind` in words."""
    said = console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    try:
        with (
            Ending() as ending,
            Progress(
                *columns, console=said, transient=True, disable=not said.is_terminal
            ) as progress,
        ):
            yield LongWork(ending, progress)
    except Told:
        raise CommandError(f"Stopped. {left_behind}", FAILED) from None
