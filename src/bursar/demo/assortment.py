"""The rewards of the demonstration."""

from dataclasses import dataclass

from bursar.demo.visitors import COLLECTOR, CREATOR


@dataclass(frozen=True, slots=True)
class DemoReward:
    """A reward that the demonstration puts on sale, for `cost` credits."""

    reward_id: str
    creator_id: str
    name: str
    description: str
    cost: int
    is_active: bool = True


def _of(number: int) -> str:
    return f"d3300000-0000-4000-8001-{number:012d}"


FIELD_NOTEBOOK = DemoReward(
    _of(1), CREATOR.user_id, "Field notebook", "Ninety-six dotted pages, bound to lie flat.", 60
)
BRASS_BOOKMARK = DemoReward(
    _of(2), CREATOR.user_id, "Brass bookmark", "Thin enough to forget, heavy enough to stay.", 60
)
OWN_POSTCARD = DemoReward(
    _of(7),
    COLLECTOR.user_id,
    "Postcard from a collector",
    "Created by the collector, who cannot buy it.",
    15,
)
RETIRED_POSTER = DemoReward(
    _of(8),
    CREATOR.user_id,
    "Retired poster",
    "Was on sale once; only its creator still sees it.",
    45,
    is_active=False,
)

REWARDS = (
    FIELD_NOTEBOOK,
    BRASS_BOOKMARK,
    DemoReward(
        _of(3), CREATOR.user_id, "Sticker sheet", "Twelve small marks for lids and covers.", 10
    ),
    DemoReward(
        _of(4),
        CREATOR.user_id,
        "Printed star map",
        "The northern sky in spring, on heavy paper.",
        35,
    ),
    DemoReward(
        _of(5),
        CREATOR.user_id,
        "Early reading",
        "Next month's essay, two weeks before the rest.",
        25,
    ),
    DemoReward(
        _of(6),
        CREATOR.user_id,
        "A place at the long table",
        "One seat at the yearly supper, bread included.",
        240,
    ),
    OWN_POSTCARD,
    RETIRED_POSTER,
)
