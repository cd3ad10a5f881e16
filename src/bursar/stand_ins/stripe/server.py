"""Every address of the stand-in, and who answers there."""

import re
import traceback
from collections.abc import Awaitable, Callable

from bursar.stand_ins.stripe import api, control, pages
from bursar.stand_ins.stripe.api_error import ApiError
from bursar.stand_ins.stripe.company import Company
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

Handler = Callable[[Company, Call], Awaitable[Answer]]

_ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", r"/", pages.show_desk),
    ("POST", r"/desk/(pi_\w+)", pages.act_at_desk),
    ("POST", r"/desk/events/(evt_\w+)", pages.send_again),
    ("GET", r"/pay/(cs_\w+)", pages.show_page),
    ("POST", r"/pay/(cs_\w+)", pages.act_on_page),
    ("GET", r"/_faults", control.show_faults),
    ("POST", r"/_faults", control.order_faults),
    ("DELETE", r"/_faults", control.clear_faults),
    ("GET", r"/_events", control.list_events),
    ("GET", r"/_events/(\w+)", control.show_event),
    ("POST", r"/_events/release", control.release_events),
    ("POST", r"/_events/(\w+)/resend", control.resend_event),
    ("GET", r"/_webhook", control.show_webhook),
    ("POST", r"/_webhook", control.set_webhook),
    ("POST", r"/_clock", control.move_clock),
    ("DELETE", r"/_clock", control.reset_clock),
    ("POST", r"/_sessions/(\w+)/pay", control.pay_session),
    ("POST", r"/_payments/(\w+)/dispute", control.dispute_payment),
    ("POST", r"/_payments/(\w+)/reinstate", control.reinstate_payment),
    ("POST", r"/_payments/(\w+)/close", control.close_dispute),
)
_PATTERNS = tuple((method, re.compile(path), handler) for method, path, handler in _ROUTES)


class Server:
    """The ASGI application over one company."""

    def __init__(self, company: Company) -> None:
        self._company = company

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or live through one lifespan."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await send_answer(await self._answer(scope, receive), send)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        try:
            call = await read_call(scope, receive)
            if call.path.startswith("/v1/"):
                return await api.answer(self._company, call)
            for method, pattern, handler in _PATTERNS:
                match = pattern.fullmatch(call.path)
                if match is not None and method == call.method:
                    call.args = match.groups()
                    return await handler(self._company, call)
            raise ApiError(404, f"There is nothing at {call.method} {call.path}.")
        except ApiError as error:
            return in_json(error.body(), error.status, error.headers)
        except Exception:
            # A stand-in that is wrong says so where its operator looks.
            traceback.print_exc()
            return in_json({"error": {"message": "The stand-in failed.", "type": "api_error"}}, 500)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await self._company.open()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._company.close()
        await send({"type": "lifespan.shutdown.complete"})
