"""The workspaces of the marketplace's demonstration: offices that buy leads, desks that sell them.

Roles with fixed ids, never people. Each is a user whose workspace is their own: the subject of
their token.
"""

from bursar.demo.visitors import Visitor

ROOFING = Visitor(
    "roofing-office",
    "Roofing office",
    "d3300000-0000-4000-8000-000000000101",
    250,
    "Began with 250 credits: enough for a few leads, not for a full cart.",
)
BUILDING = Visitor(
    "building-office",
    "Building office",
    "d3300000-0000-4000-8000-000000000102",
    1500,
    "Began with 1,500 credits, and buys what the roofing office is looking at.",
)
NEW_OFFICE = Visitor(
    "new-office",
    "New office",
    "d3300000-0000-4000-8000-000000000103",
    0,
    "Began with nothing: pays by card, or tops up first.",
)
SURVEY_DESK = Visitor(
    "survey-desk",
    "Survey desk",
    "d3300000-0000-4000-8000-000000000111",
    0,
    "Sells leads from home surveys and earns what they cost, less the fee. It may raise prices.",
)
FAIR_DESK = Visitor(
    "fair-desk",
    "Trade fair desk",
    "d3300000-0000-4000-8000-000000000112",
    0,
    "Sells leads from trade fairs.",
)
REFERRAL_DESK = Visitor(
    "referral-desk",
    "Referral desk",
    "d3300000-0000-4000-8000-000000000113",
    0,
    "Sells leads that other offices passed on.",
)

SELLERS = (SURVEY_DESK, FAIR_DESK, REFERRAL_DESK)
# Those whom a reader can be.
WORKSPACES = (ROOFING, BUILDING, NEW_OFFICE, SURVEY_DESK)
# Who race each other for a lead.
RIVALS = (ROOFING, BUILDING)
WORKSPACE_BY_SLUG = {workspace.slug: workspace for workspace in WORKSPACES}
