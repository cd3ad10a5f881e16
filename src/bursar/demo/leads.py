"""The leads that the demonstration sells: jobs that somebody wants done, without anybody's name."""

from dataclasses import dataclass
from uuid import UUID, uuid5

from bursar.demo.visitors import Visitor
from bursar.demo.workspaces import FAIR_DESK, REFERRAL_DESK, SURVEY_DESK

_NAMESPACE = UUID("d3300000-0000-4000-8002-000000000000")


@dataclass(frozen=True, slots=True)
class DemoLead:
    """A job on sale for `price` credits, to at most `max_sales` offices.

    `slug` names it for good. When it is sold out the same job is put on sale again as another lead:
    its next edition.
    """

    slug: str
    seller: Visitor
    title: str
    description: str
    price: int
    max_sales: int = 1

    def lead_id(self, edition: int = 1) -> str:
        """Return the id of an edition; the first is 1."""
        return str(uuid5(_NAMESPACE, f"{self.slug}:{edition}"))


ROOF_LEEDS = DemoLead(
    "roof-leeds",
    SURVEY_DESK,
    "Roof repair, two storeys, Leeds",
    "Slipped slates above the landing. Scaffold needed, access from the side street.",
    60,
)
ROOF_HULL = DemoLead(
    "roof-hull",
    FAIR_DESK,
    "Flat roof, double garage, Hull",
    "Felt has lifted along two edges. Wants rubber or fibreglass, before winter.",
    45,
)
SOLAR_YORK = DemoLead(
    "solar-york",
    FAIR_DESK,
    "Solar panels, south roof, York",
    "Twelve panels and a battery. The roof was renewed four years ago.",
    180,
    max_sales=3,
)
GUTTERS_BRADFORD = DemoLead(
    "gutters-bradford",
    SURVEY_DESK,
    "Gutters and downpipes, terrace, Bradford",
    "Cast iron, leaking at three joints. Happy with plastic in black.",
    20,
    max_sales=3,
)

LEADS = (
    ROOF_LEEDS,
    ROOF_HULL,
    SOLAR_YORK,
    GUTTERS_BRADFORD,
    DemoLead(
        "boiler-sheffield",
        SURVEY_DESK,
        "Boiler replacement, semi-detached, Sheffield",
        "Gas combi, fifteen years old. Wants two offers and a date in the school holidays.",
        75,
    ),
    DemoLead(
        "kitchen-harrogate",
        REFERRAL_DESK,
        "Kitchen refit, open plan, Harrogate",
        "Units are chosen; fitting, tiling and one new socket circuit are not.",
        140,
    ),
    DemoLead(
        "windows-wakefield",
        FAIR_DESK,
        "Eight sash windows, Wakefield",
        "Draughty front, listed street: timber only, painted white.",
        110,
    ),
    DemoLead(
        "fence-doncaster",
        REFERRAL_DESK,
        "Garden fence, 24 metres, Doncaster",
        "Storm took six panels. Concrete posts stay, gravel boards wanted.",
        25,
        max_sales=3,
    ),
    DemoLead(
        "rewire-halifax",
        SURVEY_DESK,
        "Full rewire, three bedrooms, Halifax",
        "Empty between tenants for three weeks in March. Fuse box from the seventies.",
        95,
    ),
    DemoLead(
        "tree-ripon",
        REFERRAL_DESK,
        "Two sycamores to reduce, Ripon",
        "Near a phone line. Permission has been asked for and given.",
        30,
    ),
    DemoLead(
        "render-barnsley",
        SURVEY_DESK,
        "Render and paint, gable wall, Barnsley",
        "Blown render on the weather side, about forty square metres.",
        55,
    ),
    DemoLead(
        "porch-skipton",
        FAIR_DESK,
        "Front door and porch, Skipton",
        "Oak frame, glazed sides. Drawings are there, the builder is not.",
        85,
    ),
)
