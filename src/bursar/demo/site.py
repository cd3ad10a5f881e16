"""The store-fronts as one site: what its navigation leads to."""

from bursar.pages.frame import Link, Site

STORE_FRONTS = (
    Link(
        "demo/rewards",
        "Rewards",
        "A reward store: be a collector, a creator or a newcomer.",
    ),
    Link(
        "demo/marketplace",
        "Marketplace",
        "Leads in a cart, for credits or by card: be an office that buys, or a desk that sells.",
    ),
    Link(
        "demo/shop",
        "Shop",
        "Shields and boosters from a pretend app store: buy, claim, be refunded, and turn the store"
        " off.",
    ),
    Link(
        "demo/studio",
        "Studio",
        "Pictures for a credit each: generate, reload, cancel, and have the provider fail.",
    ),
    Link(
        "demo/community",
        "Community",
        "Posts, reactions that stay, a word finder, and credits for them, so many a day.",
    ),
)
SITE = Site("bursar.demo", "Store-fronts", STORE_FRONTS)
render = SITE.render
