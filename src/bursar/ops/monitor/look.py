"""Looks at a deployment through its database alone, and says how every rule stands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import msgspec

from bursar.ops.monitor.judge import FIRING, UNTOLD, Figures, Judged, asked, judge
from bursar.ops.monitor.rules import RULES, Rule
from bursar.ops.monitor.series import SHOWN, SHOWN_MINUTES

# What was found out about the wallets longer ago says nothing of now.
OBSERVATION_SECONDS_MAX = 900
_encode = msgspec.json.Encoder().encode


class Reading(Protocol):
    """What this needs of the ledger: to call `bursar.<function>` and have its decoded JSON."""

    async def read(self, function: str, *arguments: str | int | None) -> Any:
        """Call a reading function."""
        ...


@dataclass(frozen=True, slots=True)
class Report:
    """How a deployment stood at `until`, the end of a minute by the database's clock.

    `figures` are numbers that alarm nobody by themselves, by name.
    """

    until: str
    judged: Sequence[Judged]
    figures: Mapping[str, float | None]

    @property
    def firing(self) -> list[Judged]:
        """The alarms that are due."""
        return [one for one in self.judged if one.state == FIRING]

    @property
    def is_told(self) -> bool:
        """Whether anything can be told of how requests are answered: wallets alone say too little.

        Without requests, the service having been there is enough.
        """
        return any(one.state != UNTOLD and one.rule.form != "integrity" for one in self.judged)

    def as_data(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "until": self.until,
            "told": self.is_told,
            "firing": [one.rule.name for one in self.firing],
            "rules": [one.as_data() for one in self.judged],
            "figures": dict(self.figures),
        }


async def look(reading: Reading, *, span: int = 0, live: bool = False) -> Report:
    """Judge every rule as of the last whole minute.

    With `span`, in minutes, each figure is formed over so long instead of its own window, and an
    alarm is due at once. With `live` the wallets are checked now where nobody has checked them
    lately. Nothing is written. Raises what reading raises.
    """
    rules = [_over(rule, span) for rule in RULES] if span else list(RULES)
    read = await reading.read("read_minutes", _encode(asked(rules)).decode())
    seen = await _observation(reading, live=live)
    figures = Figures.of(read, None if seen is None else seen["wallets"])
    judged = [judge(rule, figures) for rule in rules]
    return Report(read["until"], judged, _shown(figures, seen))


def _over(rule: Rule, span: int) -> Rule:
    if rule.form == "integrity":
        return rule
    return replace(rule, window=span, lasting=0)


async def _observation(reading: Reading, *, live: bool) -> dict[str, Any] | None:
    last = await reading.read("read_observation")
    if last is not None and last["age_seconds"] <= OBSERVATION_SECONDS_MAX:
        found: dict[str, Any] = last["figures"]
        return found
    return await reading.read("look_around") if live else None


def _shown(figures: Figures, seen: Mapping[str, Any] | None) -> dict[str, float | None]:
    """Return the numbers that alarm nobody by themselves."""
    shown: dict[str, float | None] = {
        f"{series.name}_last_hour": figures.total(series.name, "requests", SHOWN_MINUTES)
        for series in SHOWN
    }
    for group, prefix in (("waiting", "waiting_"), ("locks", ""), ("wallets", "wallets_")):
        for name, value in ((seen or {}).get(group) or {}).items():
            if name != "seconds":
                shown[_NAMES.get((group, name), f"{prefix}{name}")] = value
    return shown


_NAMES = {
    ("locks", "waits"): "sessions_waiting_for_locks",
    ("locks", "deadlocks"): "deadlocks_in_all",
    ("wallets", "negative"): "negative_balances",
    ("waiting", "card_refunds"): "card_refunds_owed",
    ("waiting", "card_refunds_failed"): "card_refunds_failed",
}
