"""The way of every task: form, plan, and the plan that was shown carried out into the journal."""

import hashlib
import uuid
from collections.abc import Sequence

import msgspec
from litestar import Response, Router, get, post

from bursar.console.site import AnyRequest, attendants_of, go_to, ledger_of, page, session_of
from bursar.console.task import REASON_LENGTH_MAX, Field, Means, Order, Passing
from bursar.console.tasks import task_of
from bursar.errors import BursarError, OutcomeUnknown, Refused
from bursar.http.problem import ProblemError, malformed, refused
from bursar.settings import Settings

_REASON = Field("reason", "Reason", length_max=REASON_LENGTH_MAX)
_RESULT_LENGTH_MAX = 2_000
_AGAIN = "Things have changed since this plan was made. Look at it again."


def task_routes(settings: Settings) -> Router:
    """Return the pages `do/{name}`: the form of a task, its plan, and what carries it out."""

    @get("/{name:str}", include_in_schema=False)
    async def form(request: AnyRequest) -> Response[str]:
        task = task_of(request.path_params["name"])
        if not session_of(request).is_operator:
            raise refused("NOT_AUTHORIZED", "A viewer sees everything and changes nothing.")
        values = {field.name: request.query_params.get(field.name, "") for field in task.fields}
        return page(request, "task.html", task=task, values=values, reason="", complaint="")

    @post("/{name:str}", status_code=200, include_in_schema=False)
    async def go_on(request: AnyRequest) -> Response[str]:
        return await _Attempt(request, settings).go_on()

    return Router("/do", route_handlers=[form, go_on])


class _Attempt:
    """One form that was sent: it is planned, or the plan that it shows is carried out."""

    def __init__(self, request: AnyRequest, settings: Settings) -> None:
        self._request = request
        self._session = session_of(request)
        self._task = task_of(request.path_params["name"])
        self._means = Means(ledger_of(request), settings, attendants_of(request))
        self._sent: dict[str, str] = {}

    async def go_on(self) -> Response[str]:
        """Answer the plan, what became of it, or the form again with what is wrong with it."""
        form = await self._request.form()
        self._sent = {name: str(value) for name, value in form.multi_items()}
        try:
            values = self._task.read(lambda name: self._sent.get(name, ""))
            reason = _REASON.read(self._sent.get("reason", ""))
            plan = await self._task.plan(self._means, values)
        except (ProblemError, Refused) as error:
            return self._form_again(error)
        database = await self._means.ledger.read("read_database")
        if self._sent.get("step") != "do":
            return self._show_plan(values, reason, plan, database, "")
        if self._sent.get("shown") != _digest(plan):
            return self._show_plan(values, reason, plan, database, _AGAIN)
        if database["production"] and self._sent.get("confirm", "").strip() != database["name"]:
            complaint = f"{database['name']} is production: type its name to confirm."
            return self._show_plan(values, reason, plan, database, complaint)
        await self._carry_out(values, Order(reason, self._session.actor, self._key()), plan)
        back = self._task.back(values)
        return go_to(self._request, f"{back}{'&' if '?' in back else '?'}done={self._key()}")

    async def _carry_out(self, values: dict[str, str], order: Order, plan: Sequence[str]) -> None:
        """Do it, once for its key, with the journal written before and after."""
        lines = msgspec.json.encode(
            [f"{self._task.title}: {order.reason}", *map(str, plan)]
        ).decode()
        begun = await self._means.ledger.read(
            "begin_console_operation", order.key, self._task.name, order.actor, lines
        )
        if not begun["begun"]:
            return  # The form was sent twice: the first of them does it.
        try:
            result = await self._task.carry_out(self._means, values, order)
        except OutcomeUnknown:
            raise  # The journal leaves it running, which is what is known.
        except (BursarError, ProblemError) as error:
            await self._end(order.key, "failed", str(error))
            raise
        if result:
            await self._end(order.key, "done", result)

    async def _end(self, key: str, status: str, result: str) -> None:
        await self._means.ledger.read(
            "end_console_operation", key, status, result[:_RESULT_LENGTH_MAX]
        )

    def _key(self) -> str:
        try:
            return str(uuid.UUID(self._sent.get("key", "")))
        except ValueError:
            raise malformed("key", "The form has no key: open it again.") from None

    def _form_again(self, error: ProblemError | Refused) -> Response[str]:
        complaint = str(error).partition(": ")[2] if isinstance(error, Refused) else error.sentence
        values = {field.name: self._sent.get(field.name, "") for field in self._task.fields}
        return page(
            self._request,
            "task.html",
            status=422,
            task=self._task,
            values=values,
            reason=self._sent.get("reason", ""),
            complaint=complaint or str(error),
        )

    def _show_plan(
        self,
        values: dict[str, str],
        reason: str,
        plan: Sequence[str],
        database: dict[str, object],
        complaint: str,
    ) -> Response[str]:
        return page(
            self._request,
            "plan.html",
            task=self._task,
            values=values,
            reason=reason,
            plan=plan,
            shown=_digest(plan),
            key=str(uuid.uuid4()) if not complaint else self._key(),
            database=database,
            complaint=complaint,
        )


def _digest(plan: Sequence[str]) -> str:
    firm = "\n".join(line for line in plan if not isinstance(line, Passing))
    return hashlib.sha256(firm.encode()).hexdigest()
