"""What may happen to a deployment, minute by minute, and which alerts are to fire when.

Each scenario is told twice: as series to promtool, and as rows to the database, which
`bursar monitor` judges. Minute 0 is the first; what happens in minute m is seen from minute m + 1
on, at the end of it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from bursar.ops.monitor.series import BOUNDS_MS


@dataclass(frozen=True, slots=True)
class Traffic:
    """So many answers in each minute, all alike. Of `replayed` some were given again."""

    verb: str = "grant"
    kind: str = "done"
    outcome: str = "done"
    each: int = 100
    milliseconds: float = 20.0
    replayed: int = 0

    @property
    def bound(self) -> float:
        """The bucket that the duration falls into."""
        return next(bound for bound in BOUNDS_MS if self.milliseconds <= bound)


# Which minutes, from and until, have which traffic beside what is usual.
Spell = tuple[int, int, tuple[Traffic, ...]]


@dataclass(frozen=True, slots=True)
class Scenario:
    """`spells` of traffic; `fires` names the alerts that are due at each of these minutes."""

    name: str
    spells: tuple[Spell, ...]
    fires: dict[int, set[str]]
    beats: Callable[[int], bool] = lambda minute: True
    # Wallets that were found broken, from a minute on.
    broken: dict[int, int] = field(default_factory=lambda: {0: 0})
    # What is pending then and is not due yet; promtool does not tell.
    pending: dict[int, set[str]] = field(default_factory=dict)

    @property
    def minutes(self) -> int:
        """How long it lasts."""
        return max(self.fires) + 1

    def traffic(self, minute: int) -> list[Traffic]:
        """Return what is answered in a minute."""
        return [one for start, end, many in self.spells if start <= minute < end for one in many]

    def broken_at(self, minute: int) -> int:
        """Return how many wallets were found broken last."""
        return self.broken[max(start for start in self.broken if start <= minute)]


WELL = (
    Traffic(),
    Traffic("purchase_reward", each=100, milliseconds=40),
    Traffic("purchase_reward", "unaffordable", "INSUFFICIENT_FUNDS", each=20),
    Traffic("claim_purchase", each=50),
    Traffic("take_stripe_event", each=10),
    Traffic("health", each=600, milliseconds=2000),
)


def _beside(start: int, end: int, *more: Traffic) -> tuple[Spell, ...]:
    """Everything goes well for ever, and for a while there is more."""
    return ((0, 10_000, WELL), (start, end, more))


SCENARIOS = (
    Scenario("all is well", _beside(0, 0), {1: set(), 40: set()}),
    Scenario(
        # A tenth of the answers are errors; so few that the promise alone is broken come first.
        "errors",
        (
            *_beside(5, 15, Traffic("grant", "error", "FAULT", each=6)),
            (20, 45, (Traffic("grant", "error", "FAULT", each=40),)),
        ),
        {
            4: set(),
            16: {"error_rate_slo"},
            24: {"error_rate_slo"},
            36: {"error_rate_slo"},
            40: {"error_rate", "error_rate_slo"},
            45: {"error_rate", "error_rate_slo"},
            51: {"error_rate_slo"},
            62: set(),
        },
        pending={24: {"error_rate"}},
    ),
    Scenario(
        "answers that say no, and pauses, are no errors",
        _beside(
            0,
            30,
            Traffic("spend", "unaffordable", "INSUFFICIENT_FUNDS", each=400),
            Traffic("release", "conflict", "HOLD_ENDED", each=400),
            Traffic("spend", "paused", "DEGRADED", each=400),
            Traffic("spend", "limited", "RATE_LIMITED", each=400),
            Traffic("health", "error", "UNAVAILABLE", each=400),
        ),
        {20: set(), 29: set()},
    ),
    Scenario(
        "slow answers",
        (
            *_beside(5, 50, Traffic("spend", each=100, milliseconds=450)),
            (60, 70, (Traffic("spend", each=1000, milliseconds=900),)),
        ),
        {
            30: set(),
            34: set(),
            40: {"latency_p95"},
            50: {"latency_p95"},
            56: set(),
            68: {"latency_p95_slo"},
            86: set(),
        },
        pending={30: {"latency_p95"}},
    ),
    Scenario(
        "claims fail",
        _beside(2, 30, Traffic("claim_purchase", "error", "FAULT", each=5, milliseconds=20)),
        {
            # Enough of them to break the promise for all answers as well.
            10: {"error_rate_slo"},
            20: {"claim_error_rate", "error_rate_slo"},
            29: {"claim_error_rate", "error_rate_slo"},
            36: {"error_rate_slo"},
            46: set(),
        },
        pending={10: {"claim_error_rate"}},
    ),
    Scenario(
        "claims are slow",
        _beside(2, 45, Traffic("claim_purchase", each=10, milliseconds=700)),
        {30: set(), 40: {"claim_latency_p95"}, 51: set()},
        pending={30: {"claim_latency_p95"}},
    ),
    Scenario(
        "claims meet their caps",
        _beside(5, 25, Traffic("claim_purchase", "conflict", "CAP_EXCEEDED", each=20)),
        {4: set(), 20: {"cap_conflicts"}, 30: {"cap_conflicts"}, 90: set()},
    ),
    Scenario(
        "purchases fail, by credits and by card",
        _beside(
            5,
            20,
            Traffic("purchase_reward", "error", "FAULT", each=2),
            Traffic("card_purchase", "error", "FAULT", each=2),
        ),
        {4: set(), 15: {"purchase_success"}, 19: {"purchase_success"}, 36: set()},
    ),
    Scenario(
        "carts are in conflict",
        _beside(
            5,
            20,
            Traffic("complete_credit_lead_purchase", "conflict", "PURCHASE_CONFLICT", each=1),
            Traffic("validate_and_lock_leads_for_purchase", "conflict", "PURCHASE_CONFLICT", 2),
            Traffic("card_purchase", "conflict", "GONE", each=1),
        ),
        {4: set(), 19: {"purchase_conflicts"}, 36: set()},
    ),
    Scenario(
        "purchases take long",
        _beside(5, 15, Traffic("purchase_reward", each=200, milliseconds=2000)),
        {4: set(), 15: {"purchase_time", "latency_p95_slo"}, 40: set()},
    ),
    Scenario(
        "events come twice",
        _beside(5, 20, Traffic("take_store_event", each=20, replayed=8)),
        {4: set(), 15: {"duplicate_webhooks"}, 85: set()},
    ),
    Scenario(
        "so little that it says nothing",
        ((0, 100, (Traffic("purchase_reward", "error", "FAULT", each=1, milliseconds=9000),)),),
        {10: set(), 12: set()},
    ),
    Scenario(
        "the database is away for some minutes, and a day goes by",
        (),
        {19: set(), 32: {"availability"}, 100: {"availability"}, 1480: set()},
        beats=lambda minute: not 20 <= minute < 30,
    ),
    Scenario(
        "a wallet is not sound",
        _beside(0, 0),
        {9: set(), 10: {"data_integrity"}, 15: {"data_integrity"}, 20: set()},
        broken={0: 0, 10: 1, 20: 0},
    ),
)
