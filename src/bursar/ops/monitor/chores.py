"""What monitoring has done without anybody asking: the database is looked at, old figures go, and
whoever is to be told of alerts is told.

Several processes may do it at once: of those that look at the same time one does, an alert turns
once, and an event is told by who has leased it.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Any

from bursar.ledger.worker import Ledger, Log, Step
from bursar.ops.monitor.look import look
from bursar.ops.monitor.tell import Webhook, note_turns, tell_events
from bursar.settings import Settings

LOOK_SECONDS = 60
SWEEP_SECONDS = 600.0
SWEEP_LIMIT = 5000
# After a failure, so that a database that is away is not asked all the time.
AGAIN_SECONDS = 10.0


class Chores:
    """Monitoring's part of a worker's round. Without an address there is nobody to tell.

    `notice` is given each observation, for those who show it. Raises `ValueError` for an address
    that is none. Close it.
    """

    def __init__(
        self,
        settings: Settings,
        log: Log,
        notice: Callable[[dict[str, Any]], None] = lambda observation: None,
    ) -> None:
        self._log = log
        self._notice = notice
        address = settings.alert_webhook
        self._webhook = Webhook(address) if address else None

    def steps(self) -> list[Step]:
        """Return what there is to do in each round, in order; most rounds it is not due."""
        steps = [
            Step("observe", _Seldom(self._observe, LOOK_SECONDS)),
            Step("expire_metrics", _Seldom(self._sweep, SWEEP_SECONDS)),
        ]
        if self._webhook is not None:
            steps.append(Step("tell_alerts", _Seldom(self._tell, LOOK_SECONDS)))
        return steps

    async def close(self) -> None:
        """Close the connections to who is told."""
        if self._webhook is not None:
            await self._webhook.close()

    async def _observe(self, ledger: Ledger) -> None:
        observation = await ledger.read("observe", LOOK_SECONDS)
        if observation is not None:
            self._notice(observation)

    async def _sweep(self, ledger: Ledger) -> None:
        swept = int(await ledger.read("expire_metrics", SWEEP_LIMIT) or 0)
        if swept:
            self._log.info("metrics_let_go", count=swept)

    async def _tell(self, ledger: Ledger) -> None:
        assert self._webhook is not None
        turned = await note_turns(ledger, await look(ledger))
        told, complaint = await tell_events(ledger, self._webhook)
        if turned or told:
            self._log.info("alerts_told", turned=turned, told=told)
        if complaint:
            self._log.warning("alert_not_told", message=complaint)


class _Seldom:
    """Does something when it was not done for so many seconds; a failure is tried again sooner."""

    def __init__(self, work: Callable[[Ledger], Awaitable[None]], seconds: float) -> None:
        self._work = work
        self._seconds = seconds
        self._due = 0.0

    async def __call__(self, ledger: Ledger) -> None:
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + AGAIN_SECONDS
        await self._work(ledger)
        self._due = time.monotonic() + self._seconds
