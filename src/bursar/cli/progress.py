"""How far long work is, on standard error, where somebody sits at a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bursar.cli.answer import console


@contextmanager
def progress_bar(words: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar for the length of a block; it is told how many pieces are done, and of how many.

    Elsewhere than at a terminal nothing is shown.
    """
    columns = (TextColumn(words), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    said = console(stderr=True)
    with Progress(*columns, console=said, transient=True, disable=not said.is_terminal) as progress:
        task = progress.add_task(words, total=None)
        yield lambda done, pieces: progress.update(task, completed=done, total=pieces)
