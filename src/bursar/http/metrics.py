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

from bursar.http.metrics_observed import ObservationCollector
from bursar.ops.monitor.series import BOUNDS_MS

# Seconds; the limits of the alert rules are among them.
BUCKETS = tuple(bound / 1000 for bound in BOUNDS_MS)
# Verbs and outcomes come from fixed lists; should that ever fail, the series stay bounded.
SERIES_MAX = 2000


class Metrics:
    """Counts each request once, by verb, kind of answer, and outcome."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "bursar_requests",
            "Requests answered, by verb, kind of answer, and outcome.",
            ["verb", "kind", "outcome"],
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
            "Answers that were given again to a known key or event, by verb.",
            ["verb"],
            registry=self.registry,
        )
        self._heartbeats = Counter(
            "bursar_heartbeats",
            "Times that this process told the database that it is there.",
            registry=self.registry,
        )
        self._observed = ObservationCollector()
        self.registry.register(self._observed)
        self._children: dict[tuple[str, str, str], Any] = {}
        self._timers: dict[str, Any] = {}

    def count(
        self, verb: str, outcome: str, seconds: float, *, replayed: bool, kind: str = "done"
    ) -> None:
        """Count an answered request. `outcome` is "done" or a code; see `answer_kind.kind_of`."""
        child = self._children.get((verb, kind, outcome))
        if child is None:
            if len(self._children) >= SERIES_MAX:
                verb, kind, outcome = "other", "other", "other"
            child = self._children.setdefault(
                (verb, kind, outcome), self._requests.labels(verb, kind, outcome)
            )
        child.inc()
        timer = self._timers.get(verb)
        if timer is None:
            timer = self._timers[verb] = self._seconds.labels(verb)
        timer.observe(seconds)
        if replayed:
            self._replays.labels(verb).inc()

    def beat(self) -> None:
        """Count that the database was told that this process is there."""
        self._heartbeats.inc()

    def notice(self, observation: dict[str, Any]) -> None:
        """Show from now on how the database was found: what `bursar.observe` has answered."""
        self._observed.observation = observation

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
