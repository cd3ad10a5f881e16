"""Who asks: the role and subject that a verified token names."""

from dataclasses import dataclass
from typing import Literal

Role = Literal["anon", "authenticated", "service_role"]
ROLES: tuple[Role, ...] = ("anon", "authenticated", "service_role")
# Whose tokens open the console and nothing else: the doors of the API refuse them.
ConsoleRole = Literal["viewer", "operator"]
CONSOLE_ROLES: tuple[ConsoleRole, ...] = ("viewer", "operator")


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller. `sub` is the user's id, always set for `authenticated`.

    `claims` is the token's payload as JSON text, for the setting `request.jwt.claims` that
    row-level security reads. `workspace` is the workspace that the token names, word for word: its
    claim `workspace_id`, else that of `app_metadata`, else `sub`.
    """

    role: Role
    sub: str | None
    claims: str
    workspace: str | None = None

    @property
    def is_service(self) -> bool:
        """Whether a backend calls that may act for anybody."""
        return self.role == "service_role"

    @property
    def actor(self) -> str:
        """The name under which the journal keeps what this caller does."""
        return "service" if self.role == "service_role" else f"user:{self.sub or 'anonymous'}"


ANONYMOUS = Principal("anon", None, '{"role":"anon"}')
