"""What the addresses of generation below `/functions/v1` take and answer."""

from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from bursar.http.claim_bodies import User
from bursar.http.problem import malformed

_PRINTABLE = "^[ -~]+$"
Product = Annotated[str, Meta(min_length=1, max_length=100, pattern=_PRINTABLE)]
RateLimit = Annotated[
    int,
    Meta(
        ge=0,
        le=86_400,
        description="Seconds since the last turn. Users make the product's limit stricter, never"
        " looser.",
    ),
]
PROMPT_LENGTH_MAX = 8000


class CreditDeduction(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Take a job's price in advance; the user's next job takes it over."""

    rate_limit_seconds: RateLimit | None = None
    product: Product = "image"
    user_id: User | None = None


class CreditRefund(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Give the oldest deduction back that no job came of."""

    user_id: User | None = None


class JobSubmission(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Submit a job: a prompt, or the whole input as the product's model takes it."""

    prompt: Annotated[str, Meta(min_length=1, max_length=PROMPT_LENGTH_MAX)] | None = None
    input: dict[str, Any] | None = None
    product: Product = "image"
    size: Annotated[str, Meta(max_length=20, pattern="^[0-9]{1,5}x[0-9]{1,5}$|^auto$")] | None = (
        None
    )
    idempotency_key: (
        Annotated[str, Meta(min_length=1, max_length=255, pattern=_PRINTABLE)] | None
    ) = None
    user_id: User | None = None


class JobCancellation(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Cancel a job that has not ended; its credit goes back."""

    job_id: UUID
    user_id: User | None = None


class CreditsLeft(msgspec.Struct, kw_only=True):
    """A deduction or a refund that was done; `credits_remaining` is what is not held either."""

    success: Literal[True]
    credits_remaining: int
    amount: int
    transaction_id: int
    replayed: bool


class JobSubmitted(msgspec.Struct, kw_only=True):
    """A job that was taken. The same key again answers the same job, `replayed` true."""

    success: Literal[True]
    job_id: str
    status: str
    replayed: bool
    credits_remaining: int | msgspec.UnsetType = msgspec.UNSET


class JobCancelled(msgspec.Struct, kw_only=True):
    """How the job stands after the cancellation, and how many credits went back with it."""

    success: Literal[True]
    job_id: str
    status: str
    reason: str | None
    refunded: int


class JobState(msgspec.Struct, kw_only=True):
    """A job as its user sees it. `output` and `content_type` are there once it is completed."""

    success: Literal[True]
    job_id: str
    user_id: str
    product: str
    input: dict[str, Any]
    status: Literal["queued", "processing", "completed", "failed", "refunded"]
    price: int
    attempts: int
    error: str | None
    reason: str | None
    output: dict[str, Any] | None
    content_type: str | None
    created_at: str
    started_at: str | None
    finished_at: str | None


def input_of(wanted: JobSubmission) -> dict[str, Any]:
    """Return what the job is made from. Raises a 422 problem when that is said twice or not at all.

    A `size` beside a whole input would mean two things if that has one too.
    """
    if (wanted.prompt is None) == (wanted.input is None):
        raise malformed("prompt", "Send a prompt, or an input, and not both.")
    made = {"prompt": wanted.prompt} if wanted.input is None else dict(wanted.input)
    if wanted.size is not None:
        if "size" in made:
            raise malformed("size", "The input has a size of its own.")
        made["size"] = wanted.size
    if len(msgspec.json.encode(made)) > 16_384:
        raise malformed("input", "It must have at most 16 KiB.")
    return made
