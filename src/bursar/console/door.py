"""The console's door: who may see a page, who may change something, and how it says no.

Every address of the console passes here before its handler is asked.
"""

from typing import Any

import psycopg
from litestar import Response

from bursar.console.outcome import done_by
from bursar.console.session import Session, Sessions
from bursar.console.site import AnyRequest, go_to, page, scope_of
from bursar.errors import BursarError, Refused
from bursar.http.problem import ProblemError, refused, title_of
from bursar.http.signed_cookie import check_token

# How a handler says, in `opt`, that it is for those who are not signed in, or that a viewer may
# send it as well.
OPEN, VIEWERS_TOO = "console_open", "console_viewers"
_READING = ("GET", "HEAD")


class Door:
    """Lets in whoever has a session, and lets operators alone change something."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def admit(self, request: AnyRequest) -> Response[Any] | None:
        """Recognise whoever asks; answer in the handler's place when it is not for them.

        A stranger is led to the sign-in page and sees nothing. What changes something must come
        from a page of ours, with the session's token, from an operator.
        """
        options = request.route_handler.opt
        changes = request.method not in _READING
        if changes:
            _refuse_other_sites(request)
        try:
            session = self._sessions.of(scope_of(request))
        except ProblemError:
            if options.get(OPEN):
                return None
            if changes:
                raise
            return go_to(request, "console/sign-in")
        request.state.session = session
        request.state.done = None if changes else await done_by(request)
        if changes and not options.get(OPEN):
            await _check(request, session, viewers_too=bool(options.get(VIEWERS_TOO)))
        return None


async def _check(request: AnyRequest, session: Session, *, viewers_too: bool) -> None:
    form = await request.form()
    sent = form.getall("csrf", [])
    check_token(str(sent[0]) if len(sent) == 1 else "", session.csrf_token, "the field csrf")
    if not (session.is_operator or viewers_too):
        raise refused("NOT_AUTHORIZED", "A viewer sees everything and changes nothing.")


def _refuse_other_sites(request: AnyRequest) -> None:
    """Raise 403 where a page of another site sends its reader's browser here."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise ProblemError(403, "CSRF_REFUSED", "Another site's page may not change anything here.")


def answer_problem(request: AnyRequest, error: ProblemError) -> Response[str]:
    """Say no on a page of the console."""
    answer = page(
        request,
        "refused.html",
        status=error.status,
        code=error.code,
        title=title_of(error.code),
        sentence=error.sentence,
        hint=error.hint or "",
        details=error.details if isinstance(error.details, dict) else {},
    )
    answer.headers.update({name.decode(): value.decode() for name, value in error.headers})
    return answer


def answer_refusal(request: AnyRequest, error: BursarError) -> Response[str]:
    """Say no with a refusal's own sentence, or that something failed."""
    if isinstance(error, Refused):
        sentence = str(error).removeprefix(f"{error.code}: ")
        return answer_problem(request, refused(error.code, sentence, error.details))
    return answer_problem(request, ProblemError(500, "FAULT", str(error)))


def answer_database(request: AnyRequest, error: psycopg.Error) -> Response[str]:
    """Say that the database does not answer; nothing of what it said is shown."""
    return answer_problem(
        request,
        ProblemError(503, "UNAVAILABLE", "The database does not answer, or refused to be asked."),
    )
