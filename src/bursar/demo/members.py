"""The members of the community's demonstration: they post, react, and look for words.

Roles with fixed ids, never people. Their names in the community are their slugs.
"""

from bursar.demo.visitors import Visitor

REGULAR = Visitor(
    "regular",
    "Regular",
    "d3300000-0000-4000-8000-000000000401",
    7,
    "Began with 7 credits and two posts: enough for one boost.",
)
READER = Visitor(
    "reader",
    "Reader",
    "d3300000-0000-4000-8000-000000000402",
    0,
    "Began with a post, and loves those of others.",
)
NEW_MEMBER = Visitor(
    "new-member",
    "New member",
    "d3300000-0000-4000-8000-000000000403",
    0,
    "Began with nothing.",
)
MODERATOR = Visitor(
    "moderator",
    "Moderator",
    "d3300000-0000-4000-8000-000000000404",
    0,
    "Can hide and delete the posts of others; what is hidden is written down.",
)

MEMBERS = (REGULAR, READER, NEW_MEMBER, MODERATOR)
MEMBER_BY_SLUG = {member.slug: member for member in MEMBERS}
