"""Whether money is safe, in one sentence, and the facts that it is made of.

Three things make a promise broken: a balance below zero, a wallet that does not say what its newest
entry says, an audit that found something. Only these are shown in red. What was never looked at, or
too long ago, is not known. Everything else wants attention, or is well; it says nothing of money.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import psycopg

from bursar.console.schema_state import SchemaState
from bursar.errors import BursarError
from bursar.http.calls import Ledger
from bursar.http.problem import ProblemError
from bursar.ops.monitor.judge import Judged
from bursar.ops.monitor.look import OBSERVATION_SECONDS_MAX, Report, look
from bursar.pages.words import amount, counted

State = Literal["good", "attention", "unknown", "broken"]
# What is known of the past says little of now after so long.
AUDIT_DAYS_MAX = 7
# Wallets are checked a hundredth of the time, so a long check comes seldom (ops/observe.sql).
_CHECK_SHARE = 100
AWAY = (BursarError, ProblemError, psycopg.Error, OSError, TimeoutError)


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that was looked at: what is so, how it stands, since when, and where it goes on.

    `path` is from the root, without a slash in front; `at` is a moment or None.
    """

    name: str
    state: State
    says: str
    path: str
    at: str | None = None

    @property
    def because(self) -> str:
        """The fact in the middle of a sentence."""
        return self.says[:1].lower() + self.says[1:].rstrip(".")


@dataclass(frozen=True, slots=True)
class Safety:
    """The answer, and what it rests on. `alerts` are those that are firing, by name and title.

    `degraded` is None while nobody knows.
    """

    facts: Sequence[Fact]
    alerts: Sequence[tuple[str, str]] = ()
    degraded: bool | None = None
    checks: str = ""

    @classmethod
    def of_silence(cls) -> "Safety":
        """Return what is known while the database does not answer."""
        return cls((Fact("Database", "unknown", "The database does not answer.", "health"),))

    @property
    def state(self) -> State:
        """The worst of the facts that speak of money; attention is none of them."""
        states = {fact.state for fact in self.facts}
        if "broken" in states:
            return "broken"
        return "unknown" if "unknown" in states else "good"

    @property
    def answer(self) -> str:
        """Yes, No or Not known."""
        return {"good": "Yes.", "broken": "No", "unknown": "Not known"}.get(self.state, "")

    @property
    def reason(self) -> str:
        """The rest of the sentence."""
        if self.state != "good":
            said = [fact.because for fact in self.facts if fact.state == self.state]
            return f", because {'; '.join(said)}."
        wanting = sum(fact.state == "attention" for fact in self.facts)
        if not wanting:
            return " Every wallet holds its promises, and nothing wants attention."
        verb = "wants" if wanting == 1 else "want"
        return f" Every wallet holds its promises; {counted(wanting, 'thing')} {verb} attention."


async def look_at_safety(ledger: Ledger, schema: SchemaState) -> Safety:
    """Ask how things stand. A database that does not answer is an answer too."""
    try:
        found = await ledger.read("read_safety")
        report = await look(ledger)
        steps = await schema.wrong(ledger)
    except AWAY:
        return Safety.of_silence()
    now = datetime.fromisoformat(found["now"])
    facts = (
        *_wallets(found["observation"], now),
        _audit(found, now),
        _seal(found),
        _alerts(report),
        _gate(found["gate"]),
        Fact("Database", "good", _database(found["database"]), "health"),
        _steps(steps),
        _service(found, now),
        *_waiting(found["observation"]),
    )
    return Safety(
        facts,
        [(one.rule.name, one.rule.title) for one in report.firing],
        bool(found["gate"]["degraded"]),
        mark_of(found["checks"]),
    )


def _wallets(observation: dict[str, Any] | None, now: datetime) -> list[Fact]:
    path = "console/checks"
    if observation is None:
        return [Fact("Wallets", "unknown", "Nobody has looked at the wallets yet.", path)]
    figures = observation["figures"]
    wallets, checked_at = figures["wallets"], figures["checked_at"]
    facts = []
    if wallets["negative"]:
        says = f"{counted(wallets['negative'], 'balance')} below zero."
        facts.append(Fact("Negative balances", "broken", says, path, checked_at))
    else:
        facts.append(Fact("Negative balances", "good", "None.", path, checked_at))
    checked = counted(wallets["checked"], "wallet")
    broken = wallets["broken"]
    age = now - datetime.fromisoformat(checked_at)
    allowed = OBSERVATION_SECONDS_MAX + 2 * _CHECK_SHARE * float(wallets["seconds"])
    if broken:
        verb = "does" if broken == 1 else "do"
        says = f"{amount(broken)} of {checked} {verb} not agree with what was written."
        facts.append(Fact("Wallet checks", "broken", says, path, checked_at))
    elif age > timedelta(seconds=allowed):
        says = "The wallets were not checked lately."
        facts.append(Fact("Wallet checks", "unknown", says, path, checked_at))
    else:
        facts.append(Fact("Wallet checks", "good", f"{checked} checked.", path, checked_at))
    return facts


def _audit(found: dict[str, Any], now: datetime) -> Fact:
    """Return what the last audit said: one from the console, or one that left a checkpoint."""
    path = "console/checks"
    ended = found["checks"].get("audit", {}).get("ended")
    checkpoint = found["checkpoint"]
    at = None if checkpoint is None else checkpoint["audited_at"]
    says = "The last audit found nothing."
    if ended is not None and (at is None or _later(ended["started_at"], at)):
        at, says = ended["started_at"], ended["said"]
        if not ended["healthy"]:
            return Fact("Audit", "broken", says, path, at)
    if at is None:
        return Fact("Audit", "unknown", "Nobody has audited the ledger yet.", path)
    if now - datetime.fromisoformat(at) > timedelta(days=AUDIT_DAYS_MAX):
        days = (now - datetime.fromisoformat(at)).days
        return Fact("Audit", "unknown", f"The last audit is {counted(days, 'day')} old.", path, at)
    return Fact("Audit", "good", says, path, at)


def _later(one: str, other: str) -> bool:
    return datetime.fromisoformat(one) > datetime.fromisoformat(other)


def _seal(found: dict[str, Any]) -> Fact:
    path, seal = "console/checks", found["seal"]
    if not found["seals_kept"]:
        return Fact("Seal", "attention", "This database keeps no seals.", path)
    if seal is None:
        return Fact("Seal", "attention", "Nothing is sealed yet.", path)
    behind = "" if seal["all"] else "; what came after it is not sealed"
    return Fact("Seal", "good", f"Seal {seal['number']}{behind}.", path, seal["made_at"])


def _alerts(report: Report) -> Fact:
    path, firing = "console/charts", report.firing
    if firing:
        said = "; ".join(map(_alert, firing))
        # The only one that speaks of money itself is about the wallets.
        money = any(one.rule.form == "integrity" for one in firing)
        return Fact("Alerts", "broken" if money else "attention", f"Firing: {said}.", path)
    if not report.is_told:
        return Fact("Alerts", "good", "None is firing; there is too little traffic to judge.", path)
    return Fact("Alerts", "good", "None is firing.", path)


def _alert(one: Judged) -> str:
    value = "" if one.value is None else f" {one.value:.4g} {one.rule.unit}"
    return f"{one.rule.title}{value}, {'above' if one.rule.above else 'below'} {one.rule.limit:g}"


def _gate(gate: dict[str, Any]) -> Fact:
    path, at = "console/switches", gate["changed_at"]
    if gate["degraded"]:
        says = f"Changes are paused by {gate['changed_by']}: {gate['reason']}."
        return Fact("Gate", "attention", says, path, at)
    if not gate["takes_writes"]:
        return Fact("Gate", "attention", "The database takes no changes: it only reads.", path)
    return Fact("Gate", "good", "Open: changes are carried out.", path, at)


def _database(database: dict[str, Any]) -> str:
    mark = ", production" if database["production"] else ""
    return f"{database['name']}{mark}, PostgreSQL {str(database['version']).split(' ', 1)[0]}."


def _steps(wrong: str) -> Fact:
    if wrong:
        return Fact("Schema", "attention", wrong, "console/checks")
    return Fact("Schema", "good", "Every step and routine is in force.", "console/checks")


def _service(found: dict[str, Any], now: datetime) -> Fact:
    if found["processes"]:
        says = f"There in the last two minutes; server processes: {amount(found['processes'])}."
        return Fact("Service", "good", says, "console/charts", found["beat"])
    says = "No process of the service has written to the database lately."
    return Fact("Service", "attention", says, "console/charts", found["beat"])


_WAITING = (
    ("Queue of claims", "claims", "console/inbox"),
    ("Inbox", "inbox", "console/inbox"),
    ("Jobs", "generation", "console/jobs"),
)


def _waiting(observation: dict[str, Any] | None) -> list[Fact]:
    """Return what was accepted and waits, as it was a minute ago."""
    if observation is None:
        return []
    waiting, at = observation["figures"]["waiting"], observation["observed_at"]
    facts = []
    for name, key, path in _WAITING:
        count = waiting[key]
        says = f"{amount(count)} waiting." if count else "Nothing waits."
        facts.append(Fact(name, "attention" if count else "good", says, path, at))
    owed, failed = waiting["card_refunds"], waiting["card_refunds_failed"]
    says = "None."
    if owed:
        says = f"{counted(owed, 'refund')} owed" + (f", {failed} failed so far." if failed else ".")
    leads = "console/purchases?of=leads"
    facts.append(Fact("Refunds owed", "attention" if owed else "good", says, leads, at))
    return facts


def mark_of(checks: dict[str, Any]) -> str:
    """Return what changes whenever a check begins, goes on or ends."""
    newest = [(one or {}).get("newest") or {} for one in checks.values()]
    return " ".join(f"{one.get('id')}:{one.get('status')}:{one.get('done')}" for one in newest)
