"""What is sealed without anybody asking, where a setting says how often.

Several processes may do it at once: one of them seals, and the others find nothing left or somebody
at it already. `bursar.seal_ledger()` is the same for databases beside which no worker of ours runs.
"""

import time

from bursar.ledger.worker import Ledger, Log, Step
from bursar.ops.seal.make import CALL_WAIT_MS, ENTRIES_MAX
from bursar.settings import Settings

ACTOR = "system"


class Chores:
    """Sealing as a part of a worker's round: one seal a round at most, so that no round is long."""

    def __init__(self, settings: Settings, log: Log) -> None:
        self._interval = settings.seal_interval_seconds
        self._log = log
        self._due = time.monotonic() + self._interval

    def steps(self) -> list[Step]:
        """Return the step, or none where nothing is to be sealed."""
        return [Step("seal", self._seal)] if self._interval else []

    async def _seal(self, ledger: Ledger) -> None:
        """Seal when it is time. Where more is left, or a writer stayed open, go on next round."""
        if time.monotonic() < self._due:
            return
        answer = await ledger.read("seal_ledger", ACTOR, ENTRIES_MAX, CALL_WAIT_MS)
        if answer["status"] != "waiting" and not answer.get("left"):
            self._due = time.monotonic() + self._interval
        if answer.get("number") is not None:
            self._log.info(
                "sealed",
                number=answer["number"],
                digest=answer["digest"],
                transactions=answer["transactions"],
                entries=answer["entries"],
            )
