"""A few sentences for a prompt: the same words tell the same story."""

import hashlib
import random
import re

_BEGINNINGS = ("Once", "Long ago", "On a quiet morning", "When the rain had stopped")
_PLACES = ("a harbour town", "the hills", "an old garden", "the last house of the road")
_ENDINGS = (
    "and nobody was charged twice.",
    "and what was promised was kept.",
    "and the lamp was lit again.",
)


def tell(prompt: str) -> str:
    """Return three sentences that have something of the prompt in them."""
    dice = random.Random(hashlib.sha256(prompt.encode()).digest())  # noqa: S311 - repeatable
    words = re.findall(r"[^\W\d_]{3,}", prompt) or ["nothing"]
    first, last = words[0].lower(), words[-1].lower()
    return (
        f"{dice.choice(_BEGINNINGS)}, in {dice.choice(_PLACES)}, somebody spoke of {first}. "
        f"It took {dice.randint(2, 9)} days to find out what {last} had to do with it. "
        f"Then the door opened, {dice.choice(_ENDINGS)}"
    )


def count_tokens(text: str) -> int:
    """Roughly what a model would count: four characters each."""
    return max(1, len(text) // 4)
