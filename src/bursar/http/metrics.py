"""What is counted: Prometheus series of this process, in a registry of their own."""

from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

# Seconds; 0.3, 0.5 and 1 are thresholds of the alert rules.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.3, 0.5, 1.0, 2.5, 5.0, 10.0)
# Verbs and outcomes come from fixed lists; should that ever fail, the series stay bounded.
SERIES_MAX = 2000


class Metrics:
    """Counts each request once, by verb and outcome."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "bursar_requests",
            "Requests answered, by verb and outcome.",
            ["verb", "outcome"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "bursar_request_seconds",
            "Time from request to answer, by verb.",
            ["verb"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._replays = Counter(
            "bursar_replays",
            "Answers that were given again to a known key.",
            registry=self.registry,
        )
        self._children: dict[tuple[str, str], Any] = {}
        self._timers: dict[str, Any] = {}

    def count(self, verb: str, outcome: str, seconds: float, *, replayed: bool) -> None:
        """Count an answered request. `outcome` is "done" or a code."""
        child = self._children.get((verb, outcome))
        if child is None:
            if len(self._children) >= SERIES_MAX:
                verb, outcome = "other", "other"
            child = self._children.setdefault((verb, outcome), self._requests.labels(verb, outcome))
        child.inc()
        timer = self._timers.get(verb)
        if timer is None:
            timer = self._timers[verb] = self._seconds.labels(verb)
        timer.observe(seconds)
        if replayed:
            self._replays.inc()

    def watch_engine(self, engine: object) -> None:
        """Also show what the engine counts about itself, when it does."""
        if hasattr(engine, "statistics"):
            self.registry.register(EngineCollector(engine))

    def render(self) -> bytes:
        """Return the text that Prometheus reads."""
        return generate_latest(self.registry)

    def families(self) -> list[Metric]:
        """Return what `render` would show, for a process that shows it together with others."""
        return list(self.registry.collect())


class EngineCollector(Collector):
    """Reads the engine's counters when Prometheus asks."""

    _COUNTERS = (
        ("batches", "Batches sent to the database."),
        ("round_trips", "Statements sent to the database for batches, tries included."),
        ("retries", "Batches tried again after a lost transaction or connection."),
        ("busy_answered", "Requests refused because the line was full or a wallet stayed locked."),
        ("unknown", "Requests whose outcome could not be learned in time."),
        ("faults", "Requests that failed and must not have."),
        ("reads", "Reads of wallets, statements, holds and transactions."),
        ("replica_reads", "Reads that the replica answered."),
    )

    def __init__(self, engine: Any) -> None:
        self._engine = engine

    def collect(self) -> Any:
        """Yield one family for each counter, the queue's length and the batch sizes."""
        statistics = self._engine.statistics
        counted: dict[str, Any] = (
            statistics.as_dict() if hasattr(statistics, "as_dict") else dict(statistics)
        )
        for name, text in self._COUNTERS:
            if name in counted:
                yield CounterMetricFamily(f"bursar_engine_{name}", text, value=counted[name])
        length = getattr(self._engine, "queue_length", None)
        if isinstance(length, int):
            yield GaugeMetricFamily(
                "bursar_engine_queue_length", "Requests waiting in the engine.", value=length
            )
        sizes = counted.get("batch_sizes")
        if isinstance(sizes, dict):
            yield _sizes_family(sizes)


def _sizes_family(sizes: dict[int, int]) -> HistogramMetricFamily:
    total, buckets, added = 0, [], 0
    for size in sorted(sizes):
        total += sizes[size]
        added += size * sizes[size]
        buckets.append((str(float(size)), total))
    buckets.append(("+Inf", total))
    family = HistogramMetricFamily(
        "bursar_engine_batch_size", "Requests in a batch, rounded up to a power of two."
    )
    family.add_metric([], buckets, added)
    return family
