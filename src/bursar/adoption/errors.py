"""Why a table was not adopted, or not given back, and what anybody can do about it."""

from collections.abc import Sequence

from bursar.errors import BursarError


class AdoptionError(BursarError):
    """It cannot be done like this. What was done before stays, and the same command goes on."""


class NotReadyError(AdoptionError):
    """Something stands in the way; nothing was changed. `obstacles` says what, a sentence each."""

    def __init__(self, obstacles: Sequence[str]) -> None:
        super().__init__("\n".join(["It cannot be adopted yet; nothing was changed.", *obstacles]))
        self.obstacles = tuple(obstacles)


class UndecidedError(AdoptionError):
    """Rows that no wallet can be opened with have come up meanwhile, and nobody has decided."""


class TiedError(AdoptionError):
    """Open holds or debts keep a table from being given back; nothing was changed."""
