"""Takes any table's balance column under the ledger while its app goes on, and gives it back.

What is done to the table is done by functions in SQL, one short transaction each; here is the order
in which they are called, how often, and how long anybody may be kept waiting.
"""

from bursar.adoption.carry_on import Adopted, apply_adoption
from bursar.adoption.give_back import GivenBack, give_back
from bursar.adoption.look import Findings, Wish, look
from bursar.adoption.standing import standing

__all__ = [
    "Adopted",
    "Findings",
    "GivenBack",
    "Wish",
    "apply_adoption",
    "give_back",
    "look",
    "standing",
]
