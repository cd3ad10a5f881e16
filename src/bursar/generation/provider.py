"""What a worker needs of whoever generates: a job goes in, an answer or an error comes out."""

from typing import Any, Literal, Protocol

import msgspec


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job as it is leased to a worker.

    `price` is what was set aside, in whole credits; `lease` names this attempt; `call_seconds` is
    how long one call of the provider may take. The database may tell more than this.
    """

    job_id: str
    lease: str
    user_id: str
    product: str
    kind: Literal["image", "text"]
    input: dict[str, Any]
    price: int
    attempt: int
    attempts_max: int
    call_seconds: int
    model: str = ""
    tokens_per_credit: int | None = None

    @property
    def prompt(self) -> str:
        """What was asked for, in words."""
        prompt = self.input.get("prompt")
        return prompt if isinstance(prompt, str) else ""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider made: a picture, or a text.

    `reference` is the provider's name for it. `tokens` is what it counted, where it does. `price`
    is what the job came to, in whole credits; None is what was set aside.
    """

    content: bytes | None = None
    content_type: str = ""
    text: str | None = None
    reference: str = ""
    tokens: int | None = None
    price: int | None = None


class ProviderError(Exception):
    """The provider did not do what it was asked.

    `retryable`: the same call may go well later; every call of a job has the job's key, so that a
    provider that knows keys does it once. `retry_after` is how long it asked to be left alone, in
    seconds. The message is for people and holds no key.
    """

    def __init__(self, message: str, *, retryable: bool, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retryable = retryable
        self.retry_after = retry_after


class Provider(Protocol):
    """Somebody who generates."""

    @property
    def name(self) -> str:
        """Who it is, as it is written beside the job."""
        ...

    async def generate(self, job: Job) -> Answer:
        """Make what the job asks for. Raises `ProviderError`; the caller bounds the time."""
        ...

    async def close(self) -> None:
        """Disconnect."""
        ...


def price_of(job: Job, tokens: int | None) -> int | None:
    """What so many tokens come to, in whole credits, one at least; None: what was set aside."""
    if tokens is None or not job.tokens_per_credit:
        return None
    return max(1, -(-tokens // job.tokens_per_credit))
