"""The artists of the studio's demonstration: they describe pictures and pay for each with a credit.

Roles with fixed ids, never people.
"""

from bursar.demo.visitors import Visitor

ILLUSTRATOR = Visitor(
    "illustrator",
    "Illustrator",
    "d3300000-0000-4000-8000-000000000301",
    8,
    "Began with 8 credits, and ordered a few pictures before you came.",
)
APPRENTICE = Visitor(
    "apprentice",
    "Apprentice",
    "d3300000-0000-4000-8000-000000000302",
    1,
    "Began with one credit: enough for one picture, however often you click.",
)
NEW_ARTIST = Visitor(
    "new-artist",
    "New artist",
    "d3300000-0000-4000-8000-000000000303",
    0,
    "Began with nothing.",
)

ARTISTS = (ILLUSTRATOR, APPRENTICE, NEW_ARTIST)
ARTIST_BY_SLUG = {artist.slug: artist for artist in ARTISTS}
