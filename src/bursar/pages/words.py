"""How amounts, times and ids are written on pages that the server makes.

The scripts of the store-fronts write them the same way (demo/static/words.js).
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup

MINUS = "−"
_DAY_SECONDS = 86_400
_UNITS = (("hour", 3_600), ("minute", 60))


def amount(value: int) -> str:
    """1,250; −60."""
    return f"{value:,}" if value >= 0 else f"{MINUS}{-value:,}"


def signed(value: int) -> str:
    """+60 or −60: an entry always shows its sign."""
    return f"+{value:,}" if value >= 0 else amount(value)


def moment(value: str | datetime | None) -> datetime | None:
    """Read a time as PostgreSQL writes it in JSON; None for `infinity` and where there is none."""
    if isinstance(value, datetime) or value is None:
        return value
    return None if "infinity" in value else datetime.fromisoformat(value)


def when(value: str | datetime | None) -> Markup:
    """Return a <time>: how long ago, or until then, with the exact moment on hover."""
    then = moment(value)
    if then is None:
        return Markup('<span class="muted">never</span>')
    then = then.astimezone(UTC)
    exact = f"{then:%-d %b %Y, %H:%M:%S} UTC"
    text = _relative((datetime.now(UTC) - then).total_seconds(), f"{then:%-d %b %Y}")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        then.isoformat(timespec="milliseconds"), exact, text
    )


def _relative(seconds: float, day: str) -> str:
    """Return "3 minutes ago" or "in 3 minutes"; `day` is what is said of other days."""
    if abs(seconds) >= _DAY_SECONDS:
        return day
    for name, size in _UNITS:
        count = int(abs(seconds) // size)
        if count:
            words = f"{count} {name}{'s' * (count > 1)}"
            return f"{words} ago" if seconds > 0 else f"in {words}"
    return "just now" if seconds >= 0 else "in a moment"


def short(value: object) -> str:
    """Shorten an id in the middle: 0f3c5a9e…77d1."""
    text = str(value)
    return text if len(text) <= 20 else f"{text[:8]}…{text[-4:]}"


def counted(value: int, noun: str) -> str:
    """1 entry, 2 entries: `noun` is the singular."""
    many = f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2:-1] not in "aeiou" else f"{noun}s"
    return f"{amount(value)} {noun if value == 1 else many}"


FILTERS: dict[str, Callable[..., Any]] = {
    "amount": amount,
    "signed": signed,
    "when": when,
    "short": short,
    "counted": counted,
}
