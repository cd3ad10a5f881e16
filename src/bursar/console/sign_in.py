"""Signing in to the console with a token, and out again."""

from litestar import Response, Router, get, post

from bursar.console.door import OPEN, VIEWERS_TOO
from bursar.console.session import Sessions
from bursar.console.site import AnyRequest, go_to, page, scope_of
from bursar.http.problem import ProblemError


def sign_in_routes(sessions: Sessions) -> Router:
    """Return the sign-in page, and what its form and the sign-out button ask for."""

    @get("/sign-in", include_in_schema=False, opt={OPEN: True})
    async def show(request: AnyRequest) -> Response[str]:
        if getattr(request.state, "session", None) is not None:
            return go_to(request, "console")
        return page(request, "sign_in.html", complaint="")

    @post("/sign-in", status_code=200, include_in_schema=False, opt={OPEN: True})
    async def sign_in(request: AnyRequest) -> Response[str]:
        token = str((await request.form()).get("token", "")).strip()
        try:
            name, value = await sessions.open(scope_of(request), token)
        except ProblemError as problem:
            return page(request, "sign_in.html", status=problem.status, complaint=problem.sentence)
        return go_to(request, "console", {name.decode(): value.decode()})

    @post("/sign-out", status_code=200, include_in_schema=False, opt={VIEWERS_TOO: True})
    async def sign_out(request: AnyRequest) -> Response[str]:
        name, value = sessions.close(scope_of(request))
        return go_to(request, "console/sign-in", {name.decode(): value.decode()})

    return Router("/", route_handlers=[show, sign_in, sign_out])
