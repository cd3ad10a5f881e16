"""`bursar bench`: the benchmark of the source tree, as a command.

`python -m bench` is the same thing: there, too, the options are those of this file.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

import bursar
from bursar.cli.answer import FAILED, USAGE, CommandError, answering, console, show
from bursar.cli.danger import unguarded
from bursar.cli.deployment import JsonOption

app = typer.Typer(add_completion=False)


@app.command()
@unguarded("it starts a server of its own and touches no other database")
def bench(
    full: Annotated[
        bool,
        typer.Option("--full/--quick", help="Everything in ten minutes, or the most in two."),
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option("--report", dir_okay=False, help="Write a page with plots to this file."),
    ] = None,
    results: Annotated[
        Path | None,
        typer.Option(
            "--results", file_okay=False, help="Keep the JSON here instead of in bench/results."
        ),
    ] = None,
    pgledger: Annotated[
        Path | None,
        typer.Option(
            "--pgledger", exists=True, dir_okay=False, help="pgledger's SQL, to measure it as well."
        ),
    ] = None,
    only: Annotated[
        str, typer.Option("--only", help="Paths to measure, by name, separated by commas.")
    ] = "",
    seconds: Annotated[
        float | None,
        typer.Option("--seconds", min=5, max=3600, help="All of it together, instead."),
    ] = None,
    rounds: Annotated[
        int | None, typer.Option("--rounds", min=1, max=50, help="Rounds, instead.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure purchases beside the ways in which they are usually written.

    Starts everything it needs and removes it afterwards. Exit code 0: no path
    gave a wrong result but those that are here to give some; 1: one did.
    """
    with answering(as_json):
        command = _from_source_tree("bench.command")
        with _progress() as on_step:
            document = command.benchmark(
                full=full,
                only=[name.strip() for name in only.split(",") if name.strip()],
                pgledger=pgledger,
                seconds=seconds,
                rounds=rounds,
                on_step=on_step,
            )
        show(as_json, document, *_from_source_tree("bench.terminal").views(document))
        written = command.keep(document, results, report)
        console(stderr=True).print(*written, sep="\n", markup=False)
    if document["wrong_paths"]:
        raise typer.Exit(FAILED)


def _from_source_tree(module: str) -> Any:
    """Import a module of the benchmark, which is beside src/ and no part of the package."""
    root = Path(bursar.__file__).parents[2]
    if not (root / "bench" / "command.py").is_file():
        raise CommandError(
            "The benchmark is not part of the installed package: clone the sources and run"
            " `make bench` there.",
            USAGE,
        )
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise CommandError(
            f"The benchmark needs {error.name}: pip install -e '.[embedded,dev]'.", USAGE
        ) from error


@contextmanager
def _progress() -> Iterator[Any]:
    """Show on standard error how far it is: a bar at a terminal, a line for each step elsewhere."""
    where = console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=where, transient=True) as progress:
        task = progress.add_task("")
        said = ""

        def on_step(words: str, done: int, total: int) -> None:
            nonlocal said
            progress.update(task, description=words, completed=done, total=total or None)
            if words != said and not where.is_terminal:
                where.print(f"{words} …", style="dim")
            said = words

        yield on_step
