"""What operators may do at the console: each task says what it asks, plans, and carries out.

Every task goes the same way (console/do.py): its form asks for a reason, its plan says in sentences
what will be done, and only the plan that was shown is carried out, under a key, into the journal.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from bursar.errors import Refused
from bursar.http.attendants import Attendants
from bursar.http.calls import Ledger
from bursar.http.problem import malformed
from bursar.ledger.parcel import AMOUNT_MAX
from bursar.settings import Settings

REASON_LENGTH_MAX = 500
LEDGER_REASON_LENGTH_MAX = 200
Values = dict[str, str]


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that a form asks for. `about` says what it means; `choices` are value and words.

    The kind "amount" is a whole number in minor units, which may be negative; "hidden" is known
    from where the reader came, and only shown.
    """

    name: str
    label: str
    kind: Literal["text", "amount", "choice", "hidden"] = "text"
    about: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    optional: bool = False
    length_max: int = 255

    def read(self, sent: str) -> str:
        """Return what was sent, tidied. Raises a 422 problem when it is not what is asked for."""
        text = sent.strip()
        if not text:
            if self.optional:
                return ""
            raise malformed(self.name, f"{self.label} is needed.")
        if len(text) > self.length_max or not text.isprintable():
            raise malformed(
                self.name, f"{self.label} must be one line of at most {self.length_max} characters."
            )
        if self.choices and text not in dict(self.choices):
            raise malformed(self.name, f"{self.label} is none of those offered.")
        if self.kind == "amount":
            return str(_amount(self, text))
        return text


def _amount(field: Field, text: str) -> int:
    plain = text.replace("−", "-").replace(",", "").removeprefix("+")
    if not plain.removeprefix("-").isascii() or not plain.removeprefix("-").isdigit():
        raise malformed(field.name, f"{field.label} must be a whole number, such as 60 or −60.")
    value = int(plain[:25])
    if value == 0 or abs(value) > AMOUNT_MAX:
        raise malformed(
            field.name, f"{field.label} must not be zero, and at most {AMOUNT_MAX:,} either way."
        )
    return value


@dataclass(frozen=True, slots=True)
class Means:
    """What tasks work with."""

    ledger: Ledger
    settings: Settings
    attendants: Attendants


@dataclass(frozen=True, slots=True)
class Order:
    """Who wants something done and why, and the key under which it is done once."""

    reason: str
    actor: str
    key: str

    @property
    def short_reason(self) -> str:
        """The reason as the ledger keeps it, which is shorter; the journal has all of it."""
        return self.reason[:LEDGER_REASON_LENGTH_MAX]

    def request(self, **fields: object) -> dict[str, object]:
        """Return what a verb of the ledger is asked, with who wants it and why, under the key."""
        return {
            **fields,
            "reason": self.short_reason,
            "key": self.key,
            "principal": "operator",
            "actor": self.actor,
        }


class Passing(str):
    """A line of a plan about what goes by, such as who is at work now: shown and journaled.

    It is not what the operator decides by. A plan that differs in such lines alone still holds.
    """

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Task:
    """One thing that an operator may do.

    `name` is its address and its name in the journal. `plan` looks at how things stand and answers
    what will be done, a sentence each; it raises a refusal where nothing can be done. `carry_out`
    does it and answers the sentence that the journal keeps, or none where it goes on after the page
    was answered: then whatever goes on writes the journal (check_runs.py). `back` is the page that
    shows what became of it, from the root of the service, without a slash in front.
    """

    name: str
    title: str
    about: str
    fields: tuple[Field, ...]
    plan: Callable[[Means, Values], Awaitable[list[str]]]
    carry_out: Callable[[Means, Values, Order], Awaitable[str]]
    back: Callable[[Values], str]

    def read(self, sent: Callable[[str], str]) -> Values:
        """Return the form's values, given what was `sent` under a name. Raises a 422 problem."""
        return {field.name: field.read(sent(field.name)) for field in self.fields}


def or_raise(outcome: dict[str, object]) -> dict[str, object]:
    """Return the outcome of a verb that was carried out. Raises `Refused` otherwise."""
    if outcome["status"] != "done":
        details = outcome.get("details")
        raise Refused(
            str(outcome["code"]),
            str(outcome["message"]),
            details if isinstance(details, dict) else None,
        )
    return outcome
