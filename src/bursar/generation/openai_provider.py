"""A provider that speaks OpenAI's HTTP API: pictures and chats, at whatever address.

Nothing here touches the database. Every call of a job carries the job's id as its idempotency key.
"""

import base64
import binascii
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec

from bursar.generation.provider import Answer, Job, ProviderError, price_of
from bursar.settings import Settings

CONNECT_SECONDS = 10.0
# What the database keeps of an output; base64 makes it a third longer on its way.
CONTENT_BYTES_MAX = 16 * 1024 * 1024
ANSWER_BYTES_MAX = 24 * 1024 * 1024
ERROR_LENGTH_MAX = 300
RETRY_AFTER_SECONDS_MAX = 3600.0
_RETRYABLE = (408, 409, 425, 429)
# Only what does not change what a call costs is taken over from what a user asks for.
_IMAGE_FIELDS = ("size",)
_KINDS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
)
_T = TypeVar("_T")


class _Picture(msgspec.Struct):
    b64_json: str | None = None
    url: str | None = None


class _Usage(msgspec.Struct):
    total_tokens: int | None = None


class _Pictures(msgspec.Struct):
    data: list[_Picture]
    id: str | None = None
    usage: _Usage | None = None


class _Message(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    message: _Message


class _Chat(msgspec.Struct):
    choices: list[_Choice]
    id: str | None = None
    usage: _Usage | None = None


class OpenAiProvider:
    """Whoever answers at `provider_url`. Raises `ValueError` for an address that is none.

    The caller bounds each call; here a call that has not ended after `job.call_seconds` is given
    up as well.
    """

    def __init__(self, settings: Settings) -> None:
        address = urlsplit(settings.provider_url)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise ValueError("BURSAR_PROVIDER_URL must be an http or https address.")
        self.name = address.hostname[:100]
        self._base = settings.provider_url.rstrip("/")
        self._key = settings.provider_api_key
        self._model = settings.provider_model
        self._client = httpx.AsyncClient(
            trust_env=False, follow_redirects=False, limits=httpx.Limits(max_connections=None)
        )

    async def generate(self, job: Job) -> Answer:
        """Make what the job asks for. Raises `ProviderError` and nothing else."""
        if job.kind == "image":
            return await self._draw(job)
        return await self._write(job)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _draw(self, job: Job) -> Answer:
        asked: dict[str, Any] = {"prompt": _prompt(job), "n": 1, **self._model_of(job)}
        asked |= {name: job.input[name] for name in _IMAGE_FIELDS if name in job.input}
        # These answer in base64 always, and refuse to be asked for it.
        if not asked.get("model", "").startswith(("gpt-image", "chatgpt-image")):
            asked["response_format"] = "b64_json"
        body, request_id = await self._post(job, "/images/generations", asked)
        made = _read(body, _Pictures)
        if not made.data:
            raise ProviderError("The provider's answer has no picture.", retryable=True)
        picture = made.data[0]
        if picture.b64_json:
            content = _decoded(picture.b64_json)
        elif picture.url:
            content = await self._fetch(job, picture.url)
        else:
            raise ProviderError("The provider's answer has no picture.", retryable=True)
        tokens = made.usage.total_tokens if made.usage else None
        return Answer(
            content=content,
            content_type=_content_type(content),
            reference=(made.id or request_id)[:255],
            tokens=tokens,
            price=price_of(job, tokens),
        )

    async def _write(self, job: Job) -> Answer:
        asked = {
            "messages": [{"role": "user", "content": _prompt(job)}],
            **self._model_of(job),
        }
        body, request_id = await self._post(job, "/chat/completions", asked)
        made = _read(body, _Chat)
        text = made.choices[0].message.content if made.choices else None
        if text is None:
            raise ProviderError("The provider's answer has no text.", retryable=True)
        tokens = made.usage.total_tokens if made.usage else None
        return Answer(
            content=text.encode()[:CONTENT_BYTES_MAX],
            content_type="text/plain; charset=utf-8",
            text=text,
            reference=(made.id or request_id)[:255],
            tokens=tokens,
            price=price_of(job, tokens),
        )

    def _model_of(self, job: Job) -> dict[str, str]:
        model = job.model or self._model
        return {"model": model} if model else {}

    async def _post(self, job: Job, path: str, asked: dict[str, Any]) -> tuple[bytes, str]:
        """Return the body of a good answer, and the provider's name for the request."""
        headers = {"content-type": "application/json", "idempotency-key": job.job_id}
        if self._key:
            headers["authorization"] = f"Bearer {self._key}"
        request = self._client.build_request(
            "POST",
            self._base + path,
            content=msgspec.json.encode(asked),
            headers=headers,
            timeout=_limit(job),
        )
        status, headers_back, body = await self._send(request, ANSWER_BYTES_MAX)
        if not 200 <= status < 300:
            raise self._explained(status, headers_back, body)
        return body, headers_back.get("x-request-id", "")

    async def _fetch(self, job: Job, url: str) -> bytes:
        """Load a picture that the provider put somewhere; our key does not go there."""
        if urlsplit(url).scheme not in ("http", "https"):
            raise ProviderError("The provider's picture has no web address.", retryable=False)
        try:
            request = self._client.build_request("GET", url, timeout=_limit(job))
        except httpx.InvalidURL:
            raise ProviderError("The provider's address is none.", retryable=False) from None
        status, headers, body = await self._send(request, CONTENT_BYTES_MAX)
        if status != 200:
            raise ProviderError(
                f"The provider's picture could not be loaded: HTTP {status}.",
                retryable=_may_pass(status),
                retry_after=_retry_after(headers),
            )
        return body

    async def _send(self, request: httpx.Request, most: int) -> tuple[int, httpx.Headers, bytes]:
        """Send a request, and read at most so much of what is answered."""
        body = bytearray()
        try:
            answer = await self._client.send(request, stream=True)
            try:
                async for chunk in answer.aiter_bytes():
                    body += chunk
                    if len(body) > most:
                        raise ProviderError("The provider's answer is too large.", retryable=False)
            finally:
                await answer.aclose()
        except httpx.TimeoutException:
            raise ProviderError("The provider did not answer in time.", retryable=True) from None
        except httpx.HTTPError as error:
            kind = type(error).__name__
            raise ProviderError(
                f"The provider cannot be reached ({kind}).", retryable=True
            ) from None
        return answer.status_code, answer.headers, bytes(body)

    def _explained(self, status: int, headers: httpx.Headers, body: bytes) -> ProviderError:
        said = _said(body)
        if self._key:
            said = said.replace(self._key, "(key)")
        sentence = f"The provider answered HTTP {status}"
        return ProviderError(
            f"{sentence}: {said}" if said else f"{sentence}.",
            retryable=_may_pass(status),
            retry_after=_retry_after(headers),
        )


def _prompt(job: Job) -> str:
    if not job.prompt.strip():
        raise ProviderError("The job has no prompt.", retryable=False)
    return job.prompt


def _limit(job: Job) -> httpx.Timeout:
    return httpx.Timeout(job.call_seconds, connect=min(CONNECT_SECONDS, job.call_seconds))


def _may_pass(status: int) -> bool:
    return status in _RETRYABLE or status >= 500


def _read(body: bytes, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ProviderError("The provider's answer cannot be read.", retryable=True) from None


def _decoded(text: str) -> bytes:
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ProviderError("The provider's picture cannot be read.", retryable=True) from None
    if not 0 < len(content) <= CONTENT_BYTES_MAX:
        raise ProviderError("The provider's picture is empty or too large.", retryable=False)
    return content


def _content_type(content: bytes) -> str:
    """What a picture is by its first bytes; what it is not known by is nothing to be shown."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    for begin, kind in _KINDS:
        if content.startswith(begin):
            return kind
    return "application/octet-stream"


def _said(body: bytes) -> str:
    """The provider's own sentence, where it gave one."""
    try:
        error = msgspec.json.decode(body).get("error")
        message = error.get("message") if isinstance(error, dict) else error
    except (msgspec.DecodeError, AttributeError, UnicodeDecodeError):
        return ""
    return " ".join(str(message or "").split())[:ERROR_LENGTH_MAX]


def _retry_after(headers: httpx.Headers) -> float | None:
    """How long the provider asks to be left alone, in seconds."""
    text = headers.get("retry-after", "").strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
        except (TypeError, ValueError):
            return None
    return min(max(seconds, 0.0), RETRY_AFTER_SECONDS_MAX) if seconds == seconds else None
