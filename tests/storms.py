"""How much of what takes long is done: a part in every run, all of it with `BURSAR_LONG=1`.

What differs between the versions of PostgreSQL is its grammar and its plans, which the tests beside
the verbs go through on each. A storm tries how sessions meet, so in every run it comes on one.
"""

import os

LONG = os.environ.get("BURSAR_LONG") == "1"
VERSIONS = ("15", "18") if LONG else ("18",)


def some_of(count: int, every: int) -> list[int]:
    """The places 0 to `count` - 1 that are gone through: all, or one in `every`, and the last."""
    return [place for place in range(count) if LONG or place % every == 0 or place == count - 1]
