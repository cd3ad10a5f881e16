"""Metrics of several processes at one address: whichever is asked shows the counters of all.

Each process listens at a Unix socket of its own, in a directory that only this user can enter, and
answers there with its counters. They are shown with a label `process` and not added up: a process
that died took its counters along, and to Prometheus a sum that shrinks is a counter that began
anew.
"""

import asyncio
import contextlib
import math
from collections.abc import Iterable
from pathlib import Path

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bursar.http.metrics import Metrics

# Prometheus gives up after ten seconds by default; a sibling that hangs must not cost all of them.
ASK_SECONDS = 1.0
ANSWER_BYTES_MAX = 16 * 1024 * 1024


class _Family(msgspec.Struct, array_like=True):
    """One metric with its samples, as processes tell it to each other."""

    name: str
    documentation: str
    kind: str
    samples: list[tuple[str, dict[str, str], float]]


_decode = msgspec.json.Decoder(list[_Family]).decode
_encode = msgspec.json.Encoder().encode


class Siblings:
    """The `count` processes that share an address; this one is `number`, counted from 1.

    `directory` holds their sockets. Nothing is opened before `open`.
    """

    def __init__(self, directory: Path, number: int, count: int) -> None:
        self._directory = directory
        self._number = number
        self._count = count
        self._server: asyncio.Server | None = None

    async def open(self, metrics: Metrics) -> None:
        """Answer the others from now on, in the place of a process that had this number before."""

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError):
                async with asyncio.timeout(ASK_SECONDS):
                    writer.write(_encode(_families(metrics)))
                    await writer.drain()
            writer.close()

        self._directory.mkdir(mode=0o700, exist_ok=True)
        path = self._path(self._number)
        path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(answer, path)

    async def close(self) -> None:
        """Answer no more. The last to leave removes the directory: who made it may be gone."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
            self._path(self._number).unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                self._directory.rmdir()

    async def render(self, metrics: Metrics) -> bytes:
        """Return the text that Prometheus reads, with the counters of every process.

        One that does not answer in a second is left out and shown as down.
        """
        numbers = range(1, self._count + 1)
        told = await asyncio.gather(*(self._told(number, metrics) for number in numbers))
        registry = CollectorRegistry()
        registry.register(_Together(zip(map(str, numbers), told, strict=True)))
        return generate_latest(registry)

    async def _told(self, number: int, metrics: Metrics) -> list[_Family] | None:
        if number == self._number:
            return _families(metrics)
        try:
            async with asyncio.timeout(ASK_SECONDS):
                reader, writer = await asyncio.open_unix_connection(self._path(number))
                try:
                    answer = await reader.read(ANSWER_BYTES_MAX)
                    while more := await reader.read(ANSWER_BYTES_MAX - len(answer)):
                        answer += more
                finally:
                    writer.close()
            return _decode(answer)
        except (OSError, msgspec.MsgspecError):  # TimeoutError is an OSError.
            return None

    def _path(self, number: int) -> Path:
        return self._directory / str(number)


class _Together(Collector):
    """Families of several processes, each sample labelled with its process."""

    def __init__(self, told: Iterable[tuple[str, list[_Family] | None]]) -> None:
        self._told = list(told)

    def collect(self) -> Iterable[Metric]:
        up = GaugeMetricFamily(
            "bursar_process_up", "Whether this server process answers.", labels=["process"]
        )
        together: dict[str, Metric] = {}
        for process, families in self._told:
            up.add_metric([process], 0.0 if families is None else 1.0)
            for family in families or ():
                metric = together.setdefault(
                    family.name, Metric(family.name, family.documentation, family.kind)
                )
                for name, labels, value in family.samples:
                    metric.add_sample(name, {**labels, "process": process}, value)
        yield up
        yield from together.values()


def _families(metrics: Metrics) -> list[_Family]:
    return [
        _Family(
            metric.name,
            metric.documentation,
            metric.type,
            [
                (sample.name, sample.labels, sample.value)
                for sample in metric.samples
                if math.isfinite(sample.value)  # JSON has no other numbers.
            ],
        )
        for metric in metrics.families()
    ]
