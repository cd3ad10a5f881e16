"""Every address of the stand-in, and who answers there."""

import traceback
from collections.abc import Awaitable, Callable

import msgspec

from bursar.stand_ins.provider.api import Api
from bursar.stand_ins.provider.faults import Faults
from bursar.stand_ins.stripe.api_error import ApiError
from bursar.stand_ins.stripe.exchange import (
    Answer,
    Call,
    Receive,
    Scope,
    Send,
    in_json,
    read_call,
    send_answer,
)

Handler = Callable[[Call], Awaitable[Answer]]


class Server:
    """The ASGI application."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._routes: dict[tuple[str, str], Handler] = {
            ("POST", "/v1/images/generations"): api.images,
            ("POST", "/v1/chat/completions"): api.chats,
            ("GET", "/v1/models"): api.models,
            ("GET", "/_faults"): self._show_faults,
            ("POST", "/_faults"): self._order_faults,
            ("DELETE", "/_faults"): self._clear_faults,
            ("GET", "/_calls"): self._show_calls,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            await send_answer(await self._answer(scope, receive), send)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        try:
            call = await read_call(scope, receive)
            handler = self._routes.get((call.method, call.path))
            if handler is None:
                raise ApiError(404, f"There is nothing at {call.method} {call.path}.")
            return await handler(call)
        except ApiError as error:
            return in_json(error.body(), error.status, error.headers)
        except Exception:
            # A stand-in that is wrong says so where its operator looks.
            traceback.print_exc()
            return in_json({"error": {"message": "The stand-in failed.", "type": "api_error"}}, 500)

    async def _show_faults(self, call: Call) -> Answer:
        """The faults in force; the counts are those that are left."""
        return in_json(self._api.trouble.faults)

    async def _order_faults(self, call: Call) -> Answer:
        """Put the faults of the body in force, instead of those before."""
        try:
            self._api.trouble.faults = msgspec.convert(call.json(), Faults)
        except msgspec.ValidationError as error:
            raise ApiError(400, str(error), param="faults") from None
        return in_json(self._api.trouble.faults)

    async def _clear_faults(self, call: Call) -> Answer:
        """Let everything be well again."""
        self._api.trouble.faults = Faults()
        return in_json(self._api.trouble.faults)

    async def _show_calls(self, call: Call) -> Answer:
        """The book."""
        return in_json({"data": self._api.book.shown(call.asked("key"))})
