"""What is counted: which answers make up each series, in Prometheus and in the database alike.

An answer has a verb, an outcome, and a kind: `done`; `unaffordable` (402), `conflict` (409),
`limited` (429) and `refused` (any other 4xx), which are answers and no errors; `paused` while
changes are; `error` (5xx). `docs/monitoring.md` says it to those who read the numbers.
"""

from dataclasses import dataclass
from typing import Any

# Upper bounds by which durations are counted, in milliseconds. The limits of rules are among them,
# so that whether a percentile is beyond one does not depend on how durations are spread.
BOUNDS_MS = (1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 300.0, 500.0, 1000.0, 2500.0, 5000.0, 10000.0)
# Kinds of answers to a request that could be understood and was allowed.
JUDGED = ("done", "unaffordable", "conflict", "error")
# Answers to anybody, who need not ask for anything: they say nothing about how the service does.
OPEN_VERBS = ("health", "metrics", "openapi", "ping", "status", "unmatched")
# What became of a card purchase: counted when it has ended, beside the event that said so.
CARD_PURCHASE = "card_purchase"
BEATS = "beats"
_CREDITS = ("purchase_reward", "complete_credit_lead_purchase")
_RESERVATION = "validate_and_lock_leads_for_purchase"
_EVENTS = ("take_stripe_event", "take_store_event")


@dataclass(frozen=True, slots=True)
class Series:
    """Answers that are counted together; None means any. `outcomes` is a regular expression."""

    name: str
    says: str
    verbs: tuple[str, ...] | None = None
    not_verbs: tuple[str, ...] | None = None
    kinds: tuple[str, ...] | None = None
    outcomes: str | None = None

    def selector(self, *more: str) -> str:
        """Return the labels by which Prometheus finds the series, in braces."""
        labels = list(more)
        if self.verbs is not None:
            labels.append(f'verb=~"{"|".join(self.verbs)}"')
        if self.not_verbs is not None:
            labels.append(f'verb!~"{"|".join(self.not_verbs)}"')
        if self.kinds is not None:
            labels.append(f'kind=~"{"|".join(self.kinds)}"')
        if self.outcomes is not None:
            labels.append(f'outcome=~"{self.outcomes}"')
        return "{" + ",".join(labels) + "}" if labels else ""

    def asked(self, minutes: int, *, timed: bool) -> dict[str, Any]:
        """Return how `bursar.read_minutes` is asked for so many minutes of it."""
        return {
            "name": self.name,
            "minutes": minutes,
            "verbs": self.verbs,
            "not_verbs": self.not_verbs,
            "kinds": self.kinds,
            "outcomes": self.outcomes,
            "timed": timed,
        }


_ASIDE = (*OPEN_VERBS, CARD_PURCHASE)
REQUESTS = Series("requests", "every answer of the API", not_verbs=_ASIDE)
ERRORS = Series("errors", "of these, 5xx", not_verbs=_ASIDE, kinds=("error",))
CLAIMS = Series("claims", "every answer to a claim", verbs=("claim_purchase",))
CLAIM_ERRORS = Series("claim_errors", "of these, 5xx", verbs=("claim_purchase",), kinds=("error",))
CAP_CONFLICTS = Series(
    "cap_conflicts", "claims over a cap", verbs=("claim_purchase",), outcomes="CAP_EXCEEDED"
)
PURCHASES_ENDED = Series(
    "purchases_ended",
    "purchases that were made or failed: for credits, and by card once they have ended",
    verbs=(*_CREDITS, CARD_PURCHASE),
    kinds=("done", "error"),
)
PURCHASES_FAILED = Series(
    "purchases_failed", "of these, 5xx", verbs=(*_CREDITS, CARD_PURCHASE), kinds=("error",)
)
PURCHASES_ASKED = Series(
    "purchases_asked",
    "purchases that were asked for: for credits, reservations for a card, and card purchases"
    " once they have ended",
    verbs=(*_CREDITS, _RESERVATION, CARD_PURCHASE),
    kinds=JUDGED,
)
PURCHASE_CONFLICTS = Series(
    "purchase_conflicts",
    "of these, 409, or paid for and gone",
    verbs=(*_CREDITS, _RESERVATION, CARD_PURCHASE),
    kinds=("conflict",),
)
CREDIT_PURCHASES = Series("credit_purchases", "every answer to a purchase for credits", _CREDITS)
WEBHOOKS = Series("webhooks", "events of card companies and stores that were taken", _EVENTS)
RATE_LIMITED = Series("rate_limited", "answers 429", not_verbs=_ASIDE, kinds=("limited",))
VIOLATIONS = Series(
    "constraint_violations",
    "answers with an SQLSTATE of class 23: the database refused to break a constraint",
    not_verbs=_ASIDE,
    outcomes="23.*",
)
BUSY = Series("busy", "answers BUSY: a lock was not had in time", not_verbs=_ASIDE, outcomes="BUSY")
REFUND_REQUESTS = Series(
    "refund_requests",
    "refunds that were asked for over HTTP",
    verbs=("refund", "refund_credit", "refund_lead_purchase"),
)
# Shown as they are, for the hour; nobody is alarmed by them alone.
SHOWN = (REQUESTS, RATE_LIMITED, VIOLATIONS, BUSY, REFUND_REQUESTS)
SHOWN_MINUTES = 60
