"""What pages keep going between requests, and how it ends before the service does.

Pages are made before the app that serves them, so what they need that lasts is made at the first
request which asks for it.
"""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar, cast


class Attendant(Protocol):
    """Something that goes on between requests."""

    def let_go(self) -> None:
        """Have nobody wait or listen any longer: the service is about to stop."""
        ...

    async def close(self) -> None:
        """End what goes on; the ledger is still there."""
        ...


Kind = TypeVar("Kind", bound=Attendant)


class Attendants:
    """One attendant of each class that was asked for; the app lets them go and closes them."""

    def __init__(self) -> None:
        self._known: dict[type[Any], Attendant] = {}

    def of(self, kind: type[Kind], make: Callable[[], Kind]) -> Kind:
        """Return the attendant of that class; `make` makes it where there is none yet."""
        found = self._known.get(kind)
        if found is None:
            found = self._known[kind] = make()
        return cast("Kind", found)

    def let_go(self) -> None:
        """Have nobody wait or listen any longer."""
        for one in self._known.values():
            one.let_go()

    async def close(self) -> None:
        """End all of them; who is asked for later is made anew."""
        while self._known:
            _, one = self._known.popitem()
            one.let_go()
            await one.close()
