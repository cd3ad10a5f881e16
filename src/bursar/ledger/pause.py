"""Whether this process refuses every change at its doors.

The gate in the database is another matter: it is closed for everybody.
"""


class Pause:
    """True while this process refuses changes.

    The environment's word holds for as long as the process runs. A watchdog's holds while the
    database takes no writes, when the gate itself could not be closed: then `reason` says so in
    words, and is empty again when they may go on.
    """

    __slots__ = ("_by_environment", "reason")

    def __init__(self, *, by_environment: bool) -> None:
        self._by_environment = by_environment
        self.reason = ""

    def __bool__(self) -> bool:
        return self._by_environment or self.reason != ""
