"""The visitors of the demonstration: roles with fixed ids, never people."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody whom a reader of the demonstration can be.

    `slug` names the visitor in addresses; `opening_credits` are granted once, 0 means no wallet
    yet.
    """

    slug: str
    name: str
    user_id: str
    opening_credits: int
    about: str


COLLECTOR = Visitor(
    "collector",
    "Collector",
    "d3300000-0000-4000-8000-000000000001",
    100,
    "Began with 100 credits: enough for one reward of 60, not for two.",
)
SECOND_COLLECTOR = Visitor(
    "second-collector",
    "Second collector",
    "d3300000-0000-4000-8000-000000000002",
    500,
    "Began with 500 credits and wants everything.",
)
CREATOR = Visitor(
    "creator",
    "Creator",
    "d3300000-0000-4000-8000-000000000003",
    0,
    "Created most of the rewards, and earns what they cost.",
)
NEWCOMER = Visitor(
    "newcomer",
    "Newcomer",
    "d3300000-0000-4000-8000-000000000004",
    0,
    "Began with nothing.",
)

VISITORS = (COLLECTOR, SECOND_COLLECTOR, CREATOR, NEWCOMER)
BY_SLUG = {visitor.slug: visitor for visitor in VISITORS}
