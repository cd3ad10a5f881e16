"""What is answered below `/v1`, as OpenAI answers it."""

import asyncio
import base64
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

from bursar.stand_ins.provider.book import Book, Entry
from bursar.stand_ins.provider.faults import Trouble, without_orders
from bursar.stand_ins.provider.picture import draw, side_lengths
from bursar.stand_ins.provider.story import count_tokens, tell
from bursar.stand_ins.stripe.api_error import ApiError
from bursar.stand_ins.stripe.exchange import Answer, Call, in_json

IMAGE_MODEL, TEXT_MODEL = "landscape-1", "story-1"
PROMPT_LENGTH_MAX = 32_000
SIZE = "512x512"
Make = Callable[[str, dict[str, Any], Entry], Awaitable[dict[str, Any]]]


class Api:
    """The API over a book and the faults in force. `key` is the one that is accepted; empty: any.

    Pictures are drawn one after the other in a thread, so that the process goes on answering.
    """

    def __init__(self, book: Book, key: str = "") -> None:
        self.book = book
        self.trouble = Trouble()
        self._key = key
        self._easel = asyncio.Lock()

    async def images(self, call: Call) -> Answer:
        """`POST /v1/images/generations`."""
        return await self._answer(call, "image", _read_prompt, self._draw)

    async def chats(self, call: Call) -> Answer:
        """`POST /v1/chat/completions`."""
        return await self._answer(call, "text", _read_messages, self._write)

    async def models(self, call: Call) -> Answer:
        """`GET /v1/models`."""
        self._require_key(call)
        made = [
            {"id": name, "object": "model", "created": 0, "owned_by": "bursar"}
            for name in (IMAGE_MODEL, TEXT_MODEL)
        ]
        return in_json({"object": "list", "data": made})

    async def _answer(
        self, call: Call, kind: str, read: Callable[[dict[str, Any]], str], make: Make
    ) -> Answer:
        self._require_key(call)
        asked = call.json()
        prompt = read(asked)
        key = call.headers.get("idempotency-key", "")
        entry = self.book.begin(key, kind, prompt, call.body)
        calls = self.book.calls_with(key) if key else [entry]
        try:
            if calls[0].fingerprint != entry.fingerprint:
                raise ApiError(
                    400, "This key was used with another request.", kind="idempotency_error"
                )
            await self.trouble.before(prompt, len(calls))
            body = await make(without_orders(prompt), asked, calls[0])
            await self.trouble.after(prompt, len(calls))
        except ApiError as error:
            self.book.end(entry, error.status)
            raise
        known = any(one.answer for one in calls)
        name = _name(entry)
        self.book.end(entry, 200, name)
        headers = {"x-request-id": name} | ({"idempotent-replayed": "true"} if known else {})
        return in_json(body, headers=headers)

    async def _draw(self, prompt: str, asked: dict[str, Any], first: Entry) -> dict[str, Any]:
        size = asked.get("size", SIZE)
        try:
            width, height = side_lengths(SIZE if size == "auto" else str(size))
        except ValueError as error:
            raise ApiError(400, str(error), param="size") from None
        async with self._easel:
            picture = await asyncio.to_thread(draw, prompt, width, height)
        return {
            "created": int(first.begun_at),
            "data": [{"b64_json": base64.b64encode(picture).decode()}],
        }

    async def _write(self, prompt: str, asked: dict[str, Any], first: Entry) -> dict[str, Any]:
        text = tell(prompt)
        used = {"prompt_tokens": count_tokens(prompt), "completion_tokens": count_tokens(text)}
        return {
            "id": f"chatcmpl-{_name(first)}",
            "object": "chat.completion",
            "created": int(first.begun_at),
            "model": asked.get("model") or TEXT_MODEL,
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text},
                    "finish_reason": "stop",
                }
            ],
            "usage": {**used, "total_tokens": sum(used.values())},
        }

    def _require_key(self, call: Call) -> None:
        given = call.headers.get("authorization", "")
        if self._key and given != f"Bearer {self._key}":
            raise ApiError(401, "Incorrect API key provided.", code="invalid_api_key")


def _read_prompt(asked: dict[str, Any]) -> str:
    return _checked(asked.get("prompt"), "prompt")


def _read_messages(asked: dict[str, Any]) -> str:
    """The last thing that a user said."""
    messages = asked.get("messages")
    said = [
        one.get("content")
        for one in (messages if isinstance(messages, list) else [])
        if isinstance(one, dict) and one.get("role") == "user"
    ]
    return _checked(said[-1] if said else None, "messages")


def _checked(prompt: Any, param: str) -> str:
    if not isinstance(prompt, str) or not 0 < len(prompt) <= PROMPT_LENGTH_MAX:
        raise ApiError(400, f"Missing or unusable parameter: '{param}'.", param=param)
    return prompt


def _name(entry: Entry) -> str:
    """What an answer is called: the same for the same key and request."""
    source = entry.key or str(entry.number)
    return hashlib.sha256(f"{source} {entry.fingerprint}".encode()).hexdigest()[:24]
