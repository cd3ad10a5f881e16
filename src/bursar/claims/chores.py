"""What claims have done without anybody asking: what was accepted and had to wait is carried out.

Several processes may do it at once: the spool has one who replays it, and what two of them carry
out is granted once.
"""

from bursar.claims.replay import Progress, replay_queue, replay_spool
from bursar.claims.spool import Spool
from bursar.ledger.worker import Ledger, Log, Step


class Chores:
    """The claims' part of a worker's round. Without a spool there is the database's queue alone."""

    def __init__(self, spool: Spool | None, log: Log) -> None:
        self._spool = spool
        self._log = log

    def steps(self) -> list[Step]:
        """Return what there is to do in each round, in order: the spool feeds the queue."""
        steps = [Step("replay_queue", self._replay_queue)]
        spool = self._spool
        if spool is not None:
            steps.insert(0, Step("replay_spool", lambda ledger: self._replay_spool(ledger, spool)))
        return steps

    async def _replay_spool(self, ledger: Ledger, spool: Spool) -> None:
        if not spool.is_empty():
            self._say("spool_replayed", await replay_spool(ledger, spool))

    async def _replay_queue(self, ledger: Ledger) -> None:
        """Nothing is carried out while claims are queued: the database names nothing then."""
        self._say("queue_replayed", await replay_queue(ledger))

    def _say(self, event: str, progress: Progress) -> None:
        if progress.aside:
            self._log.warning("set_aside", count=progress.aside)
        for kind, name, code in progress.refused:
            self._log.warning("refused_at_replay", kind=kind, name=name, code=code)
        if progress.done:
            self._log.info(event, done=progress.done, left=progress.left)
