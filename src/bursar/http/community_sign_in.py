"""`/community`: signing in and out, who one is, and who is in the community at all.

One signs in by name and password, or with a token of the app's own sign-in. A password costs the
same work whoever's name it is tried at, few are judged at once, and failures are bounded
(`sign_in_attempts.py`).
"""

import asyncio
from datetime import UTC, datetime
from typing import Any

import msgspec

from bursar.community.join_community import join_community
from bursar.community.password import hash_password, is_password
from bursar.http.auth import Verifier
from bursar.http.calls import Ledger, caller_of
from bursar.http.claim_answer import said_yes
from bursar.http.community_answer import OWN_WAY, TAGS, decoded_body, told
from bursar.http.community_bodies import MemberMade, NewMember, SignedIn, SignIn
from bursar.http.community_session import Sessions, address_of, refuse_other_sites
from bursar.http.exchange import Answer, Exchange
from bursar.http.principal import Principal
from bursar.http.problem import ProblemError, malformed, of_refusal, refused
from bursar.http.route import Route
from bursar.http.sign_in_attempts import SignInAttempts, measures_of
from bursar.http.workspace import uuid_of
from bursar.ledger.pause import Pause

# A password takes a processor and 16 MiB for a moment. Who would wait long is told to come again.
HASHING_MAX, WAITING_MAX = 2, 16
_SIGN_IN = msgspec.json.Decoder(SignIn)
_MEMBER = msgspec.json.Decoder(NewMember)
_STATUSES = (400, 401, 403, 413, 415, 422, 429, 500, 503)
_OBJECT = {"type": "object"}


class CommunitySignIn:
    """The doors of sessions."""

    def __init__(
        self,
        ledger: Ledger,
        sessions: Sessions,
        verifier: Verifier,
        pause: Pause,
        attempts: SignInAttempts | None = None,
    ) -> None:
        self._ledger = ledger
        self._sessions = sessions
        self._verifier = verifier
        self._pause = pause
        self._attempts = attempts or SignInAttempts()
        self._hashing = asyncio.Semaphore(HASHING_MAX)
        self._waiting = 0

    def routes(self) -> list[Route]:
        """Return the routes of signing in and out, of oneself, and of making users."""
        return [
            Route(
                "POST",
                "/community/login",
                self.login,
                "sign_in",
                "session",
                "Sign in",
                "By name and password; or without a password, with a token of the app in"
                " Authorization. The answer sets the session's cookie. Refusals: 401 unauthorized,"
                " 403 not_authorized (a token of somebody who is not in the community and gives no"
                " `username`), 429 rate_limited with Retry-After.",
                body=SignIn,
                body_example={"username": "regular", "password": "a long pass phrase"},
                answer=SignedIn,
                statuses=_STATUSES,
                own_way=OWN_WAY,
                tags=TAGS,
            ),
            Route(
                "POST",
                "/community/logout",
                self.logout,
                "sign_out",
                "session",
                "Sign out",
                "Takes the cookie from the browser.",
                answer=_OBJECT,
                parameters=("csrf_token",),
                statuses=_STATUSES,
                own_way=OWN_WAY,
                tags=TAGS,
            ),
            Route(
                "GET",
                "/community/me",
                self.me,
                "read_member",
                "session",
                "Who one is",
                "Credits, penalties, caps and how much of them is used, games; and the session's"
                " `csrf_token`.",
                answer=_OBJECT,
                parameters=("csrf_token",),
                statuses=_STATUSES,
                own_way=OWN_WAY,
                tags=TAGS,
            ),
            Route(
                "POST",
                "/community/users",
                self.make_user,
                "join_community",
                "v1",
                "Make somebody a user, or give one another password",
                "For the service role.",
                writes=True,
                body=NewMember,
                body_example={"username": "regular", "password": "a long pass phrase"},
                answer=MemberMade,
                statuses=_STATUSES,
                own_way=OWN_WAY,
                successes=(200,),
                tags=TAGS,
            ),
        ]

    async def login(self, exchange: Exchange) -> Answer:
        """Open a session."""
        refuse_other_sites(exchange)
        wanted: SignIn = await decoded_body(exchange, _SIGN_IN)
        if wanted.password is not None:
            member = await self._by_password(exchange, wanted.username or "", wanted.password)
        else:
            member = await self._by_token(exchange, wanted.username)
        session, headers = self._sessions.open(exchange, member["user_id"])
        exchange.principal = session.principal
        answer = said_yes(
            {
                "user_id": member["user_id"],
                "username": member["username"],
                "joined": bool(member.get("created")),
                "csrf_token": session.csrf_token,
                "expires_at": _moment(session.expires_at),
            }
        )
        answer.headers += headers
        return answer

    async def logout(self, exchange: Exchange) -> Answer:
        """Take the cookie back."""
        self._sessions.of(exchange, changes=True)
        answer = said_yes({})
        answer.headers += self._sessions.close(exchange)
        return answer

    async def me(self, exchange: Exchange) -> Answer:
        """Show who one is."""
        session = self._sessions.of(exchange, changes=False)
        exchange.principal = session.principal
        found = await self._ledger.read("read_member", session.user_id)
        if found is None:
            raise _not_a_member()
        ends = _moment(session.expires_at)
        return said_yes({**found, "csrf_token": session.csrf_token, "expires_at": ends})

    async def make_user(self, exchange: Exchange) -> Answer:
        """Make somebody a user."""
        if not exchange.principal.is_service:
            raise refused("NOT_AUTHORIZED", "Only the service makes users.")
        wanted: NewMember = await decoded_body(exchange, _MEMBER)
        hashed = None
        if wanted.password is not None:
            hashed = await self._worked(hash_password, wanted.password)
        outcome = await join_community(
            self._ledger,
            username=wanted.username,
            user_id=None if wanted.user_id is None else str(wanted.user_id),
            password_hash=hashed,
        )
        return told(outcome, "user_id", "username", "created")

    async def _by_password(
        self, exchange: Exchange, username: str, password: str
    ) -> dict[str, Any]:
        if not username:
            raise malformed("username", "A password goes with a name.")
        found = await self._ledger.read("read_sign_in", username) or {}
        device = self._sessions.device_of(exchange, found.get("user_id", ""))
        measures = measures_of(username, address_of(exchange), device)
        wait = self._attempts.take(measures)
        if wait:
            raise ProblemError(
                429,
                "RATE_LIMITED",
                "Too many failures to sign in.",
                {"retry_after_seconds": wait},
                headers=[(b"retry-after", str(wait).encode())],
            )
        if not await self._worked(is_password, password, found.get("password_hash")):
            raise ProblemError(401, "UNAUTHENTICATED", "The name or the password is wrong.")
        self._attempts.give_back(measures)
        return dict(found)

    async def _by_token(self, exchange: Exchange, username: str | None) -> dict[str, Any]:
        principal = await self._verifier.authenticate(exchange)
        if principal.role == "anon":
            raise ProblemError(401, "UNAUTHENTICATED", "Send a name and a password, or a token.")
        if principal.is_service:
            raise refused("NOT_AUTHORIZED", "The service is no user of the community.")
        user_id = uuid_of(principal.sub or "", "sub")
        found: dict[str, Any] | None = await self._ledger.read("read_member", user_id)
        if found is not None:
            return found
        if username is None:
            raise _not_a_member()
        return await self._joined(principal, user_id, username)

    async def _joined(self, principal: Principal, user_id: str, username: str) -> dict[str, Any]:
        if self._pause:
            raise refused("DEGRADED")
        outcome = await join_community(
            self._ledger, username=username, user_id=user_id, caller=caller_of(principal)
        )
        if outcome["status"] != "done":
            raise of_refusal(outcome)
        return outcome

    async def _worked(self, work: Any, *arguments: Any) -> Any:
        """Have a thread judge a password. Raises 503 BUSY where too many wait for that."""
        if self._waiting >= WAITING_MAX:
            raise refused("BUSY", "Too many sign in right now.")
        self._waiting += 1
        try:
            async with self._hashing:
                return await asyncio.to_thread(work, *arguments)
        finally:
            self._waiting -= 1


def _not_a_member() -> ProblemError:
    return refused("NOT_AUTHORIZED", "You are not in the community: say under which username.")


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
