"""The learners of the shop's demonstration: they keep a streak, and buy what helps them to.

Roles with fixed ids, never people.
"""

from bursar.demo.visitors import Visitor

DAILY = Visitor(
    "daily-learner",
    "Daily learner",
    "d3300000-0000-4000-8000-000000000201",
    0,
    "Began with a shield claimed, and another one paid for: one a week may be claimed.",
)
BOOSTED = Visitor(
    "boosted-learner",
    "Boosted learner",
    "d3300000-0000-4000-8000-000000000202",
    0,
    "Began with a booster running, and a shield that is paid for and not claimed yet.",
)
NEW_LEARNER = Visitor(
    "new-learner",
    "New learner",
    "d3300000-0000-4000-8000-000000000203",
    0,
    "Began with nothing.",
)

LEARNERS = (DAILY, BOOSTED, NEW_LEARNER)
LEARNER_BY_SLUG = {learner.slug: learner for learner in LEARNERS}
