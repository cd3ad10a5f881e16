"""The exceptions that Bursar raises; a refusal is one only where a caller asked for it."""

from typing import Any

from bursar.refusals import BY_CODE, BY_SQLSTATE, REFUSALS, Refusal

__all__ = [
    "BY_CODE",
    "BY_SQLSTATE",
    "REFUSALS",
    "BursarError",
    "Fault",
    "OutcomeUnknown",
    "Refusal",
    "Refused",
]


_WITH_KEY = "Send the same request with the same key to learn it."
_WITHOUT_KEY = "Look whether it was carried out before you send it again."


class BursarError(Exception):
    """The root of everything Bursar raises."""


class Refused(BursarError):
    """A refusal, raised for a caller who asked for exceptions.

    `str(error)` is the message: the code, a colon, and a sentence.
    """

    def __init__(
        self, code: str, message: str | None = None, details: dict[str, Any] | None = None
    ) -> None:
        refusal = BY_CODE[code]
        super().__init__(message or f"{code}: {refusal.sentence}")
        self.code = code
        self.details: dict[str, Any] = details or {}

    @property
    def refusal(self) -> Refusal:
        """The entry of the registry that this refusal is an instance of."""
        return BY_CODE[self.code]


class OutcomeUnknown(BursarError):
    """The connection was lost, and no try within the budget found out what had become of it.

    The request may or may not have been carried out. Sending it again with the same key answers
    which, and never carries it out twice. What has no key, None, may be carried out twice by that:
    look first whether it was.
    """

    def __init__(self, key: str | None) -> None:
        advice = _WITHOUT_KEY if key is None else _WITH_KEY
        super().__init__(
            f"The outcome is unknown because the connection to the database was lost. {advice}"
        )
        self.key = key


class Fault(BursarError):
    """Something that must not happen did: a bug, or a database that is not as it should be."""
