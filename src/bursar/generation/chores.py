"""What generation has done without anybody asking: credits of jobs that nobody ends come back.

Several processes may do it at once; a job's credit is given back once. `bursar.tick()` does the
same in SQL, where no worker of ours runs.
"""

from functools import partial

from bursar.ledger.worker import Ledger, Log, Step

LIMIT = 200
# A round does not go on for ever, however much there is; the next one comes soon.
ROUNDS_MAX = 20
# In this order: a job's end releases its hold, and what is left of holds lapses by itself.
_SWEEPERS = (
    ("expire_generation_jobs", "generation_jobs_given_up"),
    ("expire_credit_deductions", "deductions_given_back"),
    ("expire_holds", "holds_lapsed"),
)


class Chores:
    """Generation's part of a worker's round."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def steps(self) -> list[Step]:
        """Return what there is to do in each round, in order."""
        return [Step(names[0], partial(self._sweep, *names)) for names in _SWEEPERS]

    async def _sweep(self, function: str, event: str, ledger: Ledger) -> None:
        """Sweep until there is nothing left to sweep."""
        swept = 0
        for _ in range(ROUNDS_MAX):
            found = int(await ledger.read(function, LIMIT) or 0)
            swept += found
            if found < LIMIT:
                break
        if swept:
            self._log.info(event, count=swept)
