"""The tasks that look and change nothing: the audit, and the examination of the schema."""

from bursar.console.check_runs import CheckRuns, Found, Tell
from bursar.console.examination import examine_live
from bursar.console.task import Means, Order, Task, Values
from bursar.errors import Refused
from bursar.ops.audit import run_audit
from bursar.ops.audit.invariant import load_invariants
from bursar.pages.words import counted

# At ten million entries an audit takes some minutes.
AUDIT_SECONDS_MAX = 1800
DOCTOR_SECONDS_MAX = 300
FINDINGS_TOLD = 20


def _back(values: Values) -> str:
    return "console/checks"


def _url_of(means: Means, command: str) -> str:
    url = means.settings.database_url
    if not url:
        raise Refused(
            "NOT_AUTHORIZED", f"This process knows no login for it. Run `{command}` instead."
        )
    return url


async def _plan_audit(means: Means, values: Values) -> list[str]:
    _url_of(means, "bursar audit")
    database = await means.ledger.read("read_database")
    return [
        f"{counted(len(load_invariants()), 'promise')} of the ledger are proved on"
        f" {database['name']}, all as of one moment.",
        "Nothing is changed and nobody is held up. It takes two connections and two of the"
        " server's processors until it ends.",
        "What it finds is kept on the page of checks.",
    ]


async def _audit(means: Means, values: Values, order: Order) -> str:
    url = _url_of(means, "bursar audit")

    async def work(tell: Tell) -> Found:
        report = await run_audit(url, means.settings, limit=FINDINGS_TOLD, on_piece=tell)
        rows = sum(verdict.rows for verdict in report.verdicts)
        broken = [verdict for verdict in report.verdicts if not verdict.holds]
        took = f"{counted(rows, 'row')} in {report.seconds:.1f} s"
        said = f"Every one of {counted(len(report.verdicts), 'promise')} holds: {took}."
        if broken:
            names = ", ".join(f"{one.invariant.name} ({one.findings})" for one in broken)
            said = f"{len(broken)} of {counted(len(report.verdicts), 'promise')} do not hold: "
            said += f"{names}; {took}."
        return Found(report.clean, said, report.as_data())

    runs = means.attendants.of(CheckRuns, CheckRuns)
    await runs.begin(means, "audit", order, AUDIT_SECONDS_MAX, work)
    return ""


async def _plan_doctor(means: Means, values: Values) -> list[str]:
    _url_of(means, "bursar doctor")
    database = await means.ledger.read("read_database")
    return [
        f"The schema of {database['name']} is compared with the one that this version expects.",
        "The expected one is built in an empty database, on the same server where the service may"
        " make one, else on a server of its own beside it; it is removed afterwards.",
        "Numbers of sequences are compared as far as the service may read them.",
        "Nothing is mended. The repair is written out as SQL to read, with the command for it.",
    ]


async def _doctor(means: Means, values: Values, order: Order) -> str:
    url = _url_of(means, "bursar doctor")

    async def work(tell: Tell) -> Found:
        return await examine_live(url, tell)

    runs = means.attendants.of(CheckRuns, CheckRuns)
    await runs.begin(means, "doctor", order, DOCTOR_SECONDS_MAX, work)
    return ""


AUDIT = Task(
    "audit",
    "Audit now",
    "Proves the ledger's promises on the live data, and changes nothing.",
    (),
    _plan_audit,
    _audit,
    _back,
)
DOCTOR = Task(
    "doctor",
    "Examine the schema",
    "Says how the live schema differs from the expected one, and how it would be mended.",
    (),
    _plan_doctor,
    _doctor,
    _back,
)
