"""`/functions/v1`: metered generation. A credit is held for a job, then captured or given back.

Apps submit, and read the job's state however often the page is loaded anew. Older apps deduct
first, submit then, and ask for a refund when something went wrong: the job takes their deduction
over, and a refund gives back only what no job came of.
"""

from contextlib import suppress
from typing import Any

import msgspec

from bursar.errors import BursarError
from bursar.http.calls import Ledger, attributed, caller_of
from bursar.http.claim_answer import GENERATION_WORDS, FunctionError, said_no, said_yes, word_of
from bursar.http.exchange import Answer, Exchange
from bursar.http.function_metrics import FunctionMetrics
from bursar.http.function_user import user_of
from bursar.http.generation_bodies import (
    CreditDeduction,
    CreditRefund,
    CreditsLeft,
    JobCancellation,
    JobCancelled,
    JobSubmission,
    JobSubmitted,
    input_of,
)
from bursar.http.json_body import decode
from bursar.http.postgrest_request import idempotency_key, key_of, refuse_other_media
from bursar.http.problem import ProblemError, malformed, of_refusal
from bursar.http.route import OwnWay, Route

ASSET = "generation_credit"
TAGS = ("Generation",)
_DEDUCTION = msgspec.json.Decoder(CreditDeduction)
_REFUND = msgspec.json.Decoder(CreditRefund)
_SUBMISSION = msgspec.json.Decoder(JobSubmission)
_CANCELLATION = msgspec.json.Decoder(JobCancellation)
_USER = "5f0c2c1e-6c0a-4b1f-9a53-3d9f7f0c9d11"
_STATUSES = (402, 403, 404, 409, 413, 415, 422, 429, 500)


class Generation:
    """The doors that change something: deduct, refund, submit, cancel."""

    def __init__(self, ledger: Ledger, metrics: FunctionMetrics) -> None:
        self._ledger = ledger
        self._metrics = metrics

    def routes(self) -> list[Route]:
        """Return the routes of what changes something."""
        return [
            Route(
                "POST",
                "/functions/v1/submit-generation",
                self.submit,
                "submit_generation",
                "v1",
                "Submit a job",
                "The price is held with it, in one transaction; an open deduction is taken over"
                " instead. The same Idempotency-Key (or `idempotency_key`) is the same job."
                " Refusals: 402 insufficient_funds, 429 rate_limited with Retry-After,"
                " 404 product_not_found.",
                writes=True,
                body=JobSubmission,
                body_example={"prompt": "a fox in the snow", "user_id": _USER},
                answer=JobSubmitted,
                idempotent=True,
                statuses=_STATUSES,
                own_way=self._own_way("submit-generation"),
                successes=(200,),
                tags=TAGS,
            ),
            Route(
                "POST",
                "/functions/v1/cancel-generation",
                self.cancel,
                "end_generation",
                "v1",
                "Cancel a job",
                "Gives its credit back. A job that has ended without a result is answered as it"
                " is; one that was completed is a 409 job_ended.",
                writes=True,
                body=JobCancellation,
                body_example={"job_id": "4c1f7b0e-5d2a-4e8f-9b36-8a7d6c5e4f3b"},
                answer=JobCancelled,
                statuses=_STATUSES,
                own_way=self._own_way("cancel-generation"),
                successes=(200,),
                tags=TAGS,
            ),
            *self._older_routes(),
        ]

    def _older_routes(self) -> list[Route]:
        return [
            Route(
                "POST",
                "/functions/v1/check-and-deduct-credit",
                self.deduct,
                "deduct_credit",
                "v1",
                "Take a job's price in advance",
                "For apps that deduct first and submit then. What no job takes over goes back by"
                " itself. A call that came too early, 429, takes nothing; one without credit, 402,"
                " uses up no turn.",
                writes=True,
                body=CreditDeduction,
                body_example={"rate_limit_seconds": 10, "user_id": _USER},
                answer=CreditsLeft,
                idempotent=True,
                statuses=_STATUSES,
                own_way=self._own_way("check-and-deduct-credit"),
                successes=(200,),
                tags=TAGS,
            ),
            Route(
                "POST",
                "/functions/v1/refund-credit",
                self.refund,
                "refund_credit",
                "v1",
                "Give a deduction back that no job came of",
                "The oldest one. 409 nothing_to_refund when there is none: a credit cannot be made"
                " with it.",
                writes=True,
                body=CreditRefund,
                body_example={"user_id": _USER},
                answer=CreditsLeft,
                idempotent=True,
                statuses=_STATUSES,
                own_way=self._own_way("refund-credit"),
                successes=(200,),
                tags=TAGS,
            ),
        ]

    async def deduct(self, exchange: Exchange) -> Answer:
        """Take a job's price in advance."""
        wanted: CreditDeduction = await _decoded(exchange, _DEDUCTION)
        request: dict[str, Any] = {"product": wanted.product}
        if wanted.rate_limit_seconds is not None:
            request["rate_limit_seconds"] = wanted.rate_limit_seconds
        return _credits_left(
            await self._carry(exchange, "deduct_credit", wanted.user_id, request, key_of(exchange))
        )

    async def refund(self, exchange: Exchange) -> Answer:
        """Give the oldest deduction back that no job came of."""
        wanted: CreditRefund = await _decoded(exchange, _REFUND)
        return _credits_left(
            await self._carry(exchange, "refund_credit", wanted.user_id, {}, key_of(exchange))
        )

    async def submit(self, exchange: Exchange) -> Answer:
        """Submit a job."""
        wanted: JobSubmission = await _decoded(exchange, _SUBMISSION)
        request = {"product": wanted.product, "input": input_of(wanted)}
        key = _key_of(exchange, wanted.idempotency_key)
        outcome = await self._carry(exchange, "submit_generation", wanted.user_id, request, key)
        told = {"job_id": outcome["job_id"], "status": outcome["job_status"]}
        left = outcome.get("available")
        if left is None:
            left = await self._credits(exchange, wanted.user_id)
        if left is not None:
            told["credits_remaining"] = left
        replayed = bool(outcome.get("replayed"))
        return said_yes({**told, "replayed": replayed}, replayed=replayed)

    async def cancel(self, exchange: Exchange) -> Answer:
        """Cancel a job."""
        wanted: JobCancellation = await _decoded(exchange, _CANCELLATION)
        if wanted.user_id is not None:
            user_of(exchange, wanted.user_id)
        request = {
            "job_id": str(wanted.job_id),
            "result": "cancelled",
            "caller": caller_of(exchange.principal),
        }
        outcome = await self._ledger.call(
            "end_generation", attributed(request, exchange.principal, key_of(exchange))
        )
        if outcome.get("status") != "done":
            raise of_refusal(outcome)
        told = {name: outcome[name] for name in ("job_id", "reason", "refunded")}
        return said_yes({**told, "status": outcome["job_status"]})

    async def _carry(
        self, exchange: Exchange, verb: str, named: str | None, request: dict[str, Any], key: str
    ) -> dict[str, Any]:
        request["user_id"] = user_of(exchange, named)
        request["caller"] = caller_of(exchange.principal)
        outcome = await self._ledger.call(verb, attributed(request, exchange.principal, key))
        if outcome.get("status") != "done":
            raise of_refusal(outcome)
        return outcome

    async def _credits(self, exchange: Exchange, named: str | None) -> int | None:
        """Return what the user has left. The job was taken, so it is no reason to say no where
        that cannot be read."""
        with suppress(BursarError, ProblemError):
            wallet = await self._ledger.read("read_wallet", user_of(exchange, named), ASSET)
            return int(wallet["available"])
        return None

    def _own_way(self, function_name: str) -> OwnWay:
        def hear(answer: Answer, seconds: float) -> None:
            word = word_of(answer, GENERATION_WORDS)
            self._metrics.count(function_name, answer.status, seconds, word)

        return OwnWay(refuse, FunctionError, hear)


def refuse(problem: ProblemError) -> Answer:
    """Return the answer of these doors that says no."""
    return said_no(problem, "", GENERATION_WORDS)


def _credits_left(outcome: dict[str, Any]) -> Answer:
    replayed = bool(outcome.get("replayed"))
    told = {
        "credits_remaining": outcome["available"],
        "amount": outcome["amount"],
        "transaction_id": outcome["transaction_id"],
        "replayed": replayed,
    }
    return said_yes(told, replayed=replayed)


def _key_of(exchange: Exchange, named: str | None) -> str:
    """Return the key of a submission: of the header or of the body. Raises 422 for two of them."""
    sent = idempotency_key(exchange)
    if named is None:
        return key_of(exchange)
    if not named.isprintable() or sent not in (None, named):
        raise malformed("idempotency_key", "It must be printable, and that of the header.")
    exchange.key = named
    return named


async def _decoded(exchange: Exchange, decoder: msgspec.json.Decoder[Any]) -> Any:
    refuse_other_media(exchange)
    return decode(decoder, await exchange.body() or b"{}")
