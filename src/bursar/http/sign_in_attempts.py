"""How often a password may be guessed, so that guessing is hopeless and nobody is locked out by it.

Each failure fills a measure, which empties again over a quarter of an hour. A browser on which a
user has signed in before has a measure of its own, so strangers who guess at a name keep nobody out
who is known here; they fill the measures of the name and of their address.
"""

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

EMPTIES_SECONDS = 900.0
# Failures: of one browser that is known, of all others at one name, of one address at all names.
DEVICE_MAX, NAME_MAX, ADDRESS_MAX = 10, 10, 50
MEASURES_MAX = 65_536

# What is measured, its name, and how many failures fill it.
Measure = tuple[str, str, int]


def measures_of(name: str, address: str, device: str | None) -> list[Measure]:
    """Return what an attempt counts in; `device` is the browser's id if it is known to the user."""
    if device is not None:
        return [("device", device, DEVICE_MAX)]
    return [("name", name.lower(), NAME_MAX), ("address", _network(address), ADDRESS_MAX)]


def _network(address: str) -> str:
    """Return an IPv6 address's network: whoever has one address there has all of them."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 6 and parsed.ipv4_mapped is None:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


class SignInAttempts:
    """Counts failures of one process, bounded in memory; `clock` is in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._filled: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()

    def take(self, measures: Sequence[Measure]) -> int:
        """Count an attempt before it is judged, so that many at once are bounded as well.

        Return 0, or after how many seconds to try again: then nothing was counted.
        """
        waits = [
            (self._level(kind, name) + 1 - full) * EMPTIES_SECONDS / full
            for kind, name, full in measures
        ]
        wait = max(waits, default=0.0)
        if wait > 0:
            return int(wait) + 1
        self._add(measures, 1.0)
        return 0

    def give_back(self, measures: Sequence[Measure]) -> None:
        """The attempt was no failure."""
        self._add(measures, -1.0)

    def _level(self, kind: str, name: str) -> float:
        full = {"device": DEVICE_MAX, "name": NAME_MAX, "address": ADDRESS_MAX}[kind]
        level, at = self._filled.get((kind, name), (0.0, self._clock()))
        return max(0.0, level - (self._clock() - at) * full / EMPTIES_SECONDS)

    def _add(self, measures: Sequence[Measure], change: float) -> None:
        for kind, name, _ in measures:
            level = max(0.0, self._level(kind, name) + change)
            self._filled[kind, name] = (level, self._clock())
            self._filled.move_to_end((kind, name))
        while len(self._filled) > MEASURES_MAX:
            self._filled.popitem(last=False)
