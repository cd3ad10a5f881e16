"""What a race and a smoke test share: where they may be held, with which token, and how they end.

Both write: they buy through HTTP, for owners of their own. Where the database behind the service is
at hand they are guarded as every dangerous command is; through HTTP alone nobody can know what
it is marked as, and the rights of the token decide.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import psycopg
import typer
from rich.markup import escape
from rich.table import Table

from bursar.cli.answer import FAILED, CommandError
from bursar.cli.confirm import guarding
from bursar.cli.deployment import Deployment, joined
from bursar.db.fault import ClusterError
from bursar.errors import BursarError
from bursar.http.auth import mint
from bursar.ops.race import Finding, Unreachable, Verdict

# A verdict could not be reached: nobody answers, or not everything was put to the test.
UNDECIDED = 2
_TOKEN_SECONDS = 3600

UrlOption = Annotated[str, typer.Option("--url", help="Where the deployment answers.")]
TokenOption = Annotated[
    str,
    typer.Option(
        "--token",
        envvar="BURSAR_TOKEN",
        show_default=False,
        help="A service_role token; without it one is signed with the data directory's secret.",
    ),
]
LOCAL_URL = "http://127.0.0.1:8420"


def hold_trial(
    url: str,
    token: str,
    data: Path | None,
    plan: str,
    confirm: str,
    *,
    as_json: bool,
    work: Callable[[str], Verdict],
) -> Verdict:
    """Let `work` have a service token and give its verdict, guarded where the database is at hand.

    It is at hand where it was named, by a directory or by `BURSAR_DATABASE_URL`, and where the
    token is signed with the secret that lies beside it. Raises `CommandError` when there is no
    verdict.
    """
    try:
        deployment = Deployment.find(data)
        signed = token or mint("service_role", None, deployment.secret(), _TOKEN_SECONDS)
        named = data is not None or deployment.cluster is None
        if not deployment.exists() or (token and not named):
            return work(signed)
        with (
            joined(data) as known,
            guarding(known.url(), [plan], confirm, as_json=as_json) as operation,
        ):
            verdict = work(signed)
            operation.result = f"{sentence(verdict)} Stays: {verdict.stays or 'nothing'}."
            return verdict
    except Unreachable as error:
        raise CommandError(f"Nothing was tried at {url}: {error}", UNDECIDED) from error
    except (CommandError, ClusterError, BursarError, psycopg.Error) as error:
        raise CommandError(str(error), UNDECIDED) from error


def end_trial(verdict: Verdict) -> None:
    """End the command with the exit code of a verdict."""
    if verdict.result != "kept":
        raise typer.Exit(FAILED if verdict.result == "broken" else UNDECIDED)


def told(verdict: Verdict, *, rounds: bool) -> list[Table | str]:
    """Return the verdict for people: with `rounds` and percentiles, or with each line's time."""
    numbers = ("rounds", "p50 ms", "p95 ms") if rounds else ("ms",)
    table = Table()
    for name in ("scenario", "must hold", "answers", *numbers, "verdict"):
        table.add_column(name, justify="right" if name in numbers else "left")
    for finding in verdict.findings:
        answers = ", ".join(f"{count:,} {code}" for code, count in finding.answers.most_common())
        table.add_row(
            finding.scenario,
            finding.promise,
            escape(answers),
            *(_percentiles(finding) if rounds else (f"{finding.seconds * 1000:.0f}",)),
            _word(finding),
        )
    return [
        table,
        *(
            f"[red]{finding.scenario}: {escape(broken)}.[/]"
            for finding in verdict.findings
            for broken in finding.broken
        ),
        *(f"[yellow]Left behind, {escape(what)}[/]" for what in verdict.left_behind),
        *([f"[dim]What stays: {escape(verdict.stays)}.[/]"] if verdict.stays else []),
        f"[bold {_COLOURS[verdict.result]}]{sentence(verdict)}[/] ({verdict.seconds:.1f} s)",
    ]


_COLOURS = {"kept": "green", "broken": "red", "undecided": "yellow"}
_SENTENCES = {
    "kept": "Every promise was kept.",
    "broken": "A promise was broken.",
    "undecided": "Undecided: not everything could be put to the test.",
}


def sentence(verdict: Verdict) -> str:
    """Return the verdict in a sentence."""
    return _SENTENCES[verdict.result]


def _percentiles(finding: Finding) -> Sequence[str]:
    timed = bool(finding.milliseconds)
    shares = (str(finding.percentile(share)) if timed else "" for share in (0.5, 0.95))
    return (str(finding.rounds), *shares)


def _word(finding: Finding) -> str:
    if finding.broken_count:
        return f"[bold red]broken {finding.broken_count} times[/]"
    return "[green]kept[/]" if finding.decided else "[yellow]undecided[/]"
