"""How the community's doors say yes and no: as those of claims and generation do."""

from typing import Any

import msgspec

from bursar.http.claim_answer import GENERATION_WORDS, FunctionError, said_no, said_yes
from bursar.http.exchange import Answer, Exchange
from bursar.http.json_body import decode
from bursar.http.postgrest_request import refuse_other_media
from bursar.http.problem import ProblemError, of_refusal
from bursar.http.route import OwnWay

TAGS = ("Community",)


def refuse(problem: ProblemError) -> Answer:
    """Return the answer of these doors that says no."""
    return said_no(problem, "", GENERATION_WORDS)


OWN_WAY = OwnWay(refuse, FunctionError)


def told(outcome: dict[str, Any], *names: str, **renamed: str) -> Answer:
    """Answer these fields of an outcome, some under other names. Raises one that is refused."""
    if outcome.get("status") != "done":
        raise of_refusal(outcome)
    fields = {name: outcome[name] for name in names}
    fields |= {name: outcome[field] for name, field in renamed.items()}
    return said_yes(fields, replayed=bool(outcome.get("replayed")))


async def decoded_body(exchange: Exchange, decoder: msgspec.json.Decoder[Any]) -> Any:
    """Return the body of a request, an empty one as `{}`. Raises 415 and 422."""
    refuse_other_media(exchange)
    return decode(decoder, await exchange.body() or b"{}")
