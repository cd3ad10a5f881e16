"""All tasks of the console, by name.

A new one is a `Task` beside those of its kind, and a line here. That viewers and forged forms are
refused, and that the journal has it, comes with the way that all of them go.
"""

from bursar.console.check_tasks import AUDIT, DOCTOR
from bursar.console.refund_task import REFUND
from bursar.console.replay_tasks import REPLAY_EVENT, REPLAY_QUEUE
from bursar.console.switch_tasks import DEGRADED, SHOP_MESSAGE, SHOP_MODE, SWITCH_SKU
from bursar.console.task import Task
from bursar.console.wallet_tasks import ADJUST, FREEZE
from bursar.http.problem import ProblemError

_ALL = (
    # Wallets
    ADJUST,
    FREEZE,
    # Transactions
    REFUND,
    # Checks
    AUDIT,
    DOCTOR,
    # What waits
    REPLAY_EVENT,
    REPLAY_QUEUE,
    # Switches
    DEGRADED,
    SWITCH_SKU,
    SHOP_MODE,
    SHOP_MESSAGE,
)
TASKS = {task.name: task for task in _ALL}


def task_of(name: str) -> Task:
    """Return the task of that name. Raises a 404 problem when there is none."""
    task = TASKS.get(name)
    if task is None:
        raise ProblemError(404, "NOT_FOUND", "The console has no such task.")
    return task
