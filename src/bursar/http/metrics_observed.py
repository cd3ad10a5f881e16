"""What a process knows of how the database was found, as Prometheus reads it.

The worker looks about once a minute; nothing is asked of the database when somebody scrapes.
Every process shows the same, so sums over processes mean nothing: take the maximum.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

_REFUNDS = (
    ("generation", "done", "generation_done"),
    ("generation", "failed", "generation_failed"),
    ("card", "done", "card_done"),
)
_QUEUES = ("claims", "inbox", "generation", "card_refunds")


class ObservationCollector(Collector):
    """Shows the last observation, nothing before the first: {observed_at, figures}."""

    def __init__(self) -> None:
        self.observation: dict[str, Any] | None = None

    def collect(self) -> Iterator[Metric]:
        """Yield a family for each figure."""
        seen = self.observation
        if seen is None:
            return
        figures = seen["figures"]
        wallets, locks = figures["wallets"], figures["locks"]
        for name, text, value in (
            ("bursar_wallets_checked", "Wallets whose balance was checked.", wallets["checked"]),
            ("bursar_wallets_broken", "Of these, wallets that are not sound.", wallets["broken"]),
            ("bursar_negative_balances", "Balances below zero.", wallets["negative"]),
            ("bursar_lock_waits", "Sessions that were waiting for a lock.", locks["waits"]),
            (
                "bursar_card_refunds_failed",
                "Card refunds that are owed and were refused so far.",
                figures["waiting"]["card_refunds_failed"],
            ),
            (
                "bursar_observed_timestamp_seconds",
                "When the database was looked at.",
                _seconds(seen["observed_at"]),
            ),
        ):
            yield GaugeMetricFamily(name, text, value=value)
        yield CounterMetricFamily(
            "bursar_deadlocks", "Deadlocks in this database.", value=locks["deadlocks"]
        )
        waiting = GaugeMetricFamily(
            "bursar_waiting", "What was accepted and waits to be carried out.", labels=["queue"]
        )
        for queue in _QUEUES:
            waiting.add_metric([queue], figures["waiting"][queue])
        yield waiting
        refunds = CounterMetricFamily(
            "bursar_refunds",
            "Refunds by whose it was and what came of it.",
            labels=["of", "result"],
        )
        for of, result, name in _REFUNDS:
            refunds.add_metric([of, result], figures["refunds"][name])
        yield refunds


def _seconds(moment: str) -> float:
    """Return a moment as the database writes it in seconds since 1970."""
    return datetime.fromisoformat(moment).astimezone(UTC).timestamp()
