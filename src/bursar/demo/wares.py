"""What the pretend app store of the demonstration sells."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ware:
    """Something that is sold for `price` hundredths of a pound.

    `slug` stands for it in the store's transaction ids. What it grants, and how often, is the
    ledger's to say; `about` says what it is good for.
    """

    slug: str
    sku: str
    title: str
    about: str
    price: int


SHIELD = Ware(
    "s",
    "consumable_streakshield_1",
    "Streak shield",
    "A day without a lesson breaks no streak: one shield is used up instead.",
    109,
)
BOOSTER = Ware(
    "b",
    "consumable_xp_booster_7d",
    "XP booster, 7 days",
    "Every lesson counts double while it runs.",
    299,
)

WARES = (SHIELD, BOOSTER)
WARE_BY_SLUG = {ware.slug: ware for ware in WARES}
WARE_BY_SKU = {ware.sku: ware for ware in WARES}
