"""Who asks: the role and subject that a verified token names."""

from dataclasses import dataclass
from typing import Literal

Role = Literal["anon", "authenticated", "service_role"]
ROLES: tuple[Role, ...] = ("anon", "authenticated", "service_role")


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller. `sub` is the user's id, always set for `authenticated`.

    `claims` is the token's payload as JSON text, for the setting `request.jwt.claims` that
    row-level security reads.
    """

    role: Role
    sub: str | None
    claims: str

    @property
    def is_service(self) -> bool:
        """Whether a backend calls that may act for anybody."""
        return self.role == "service_role"

    @property
    def actor(self) -> str:
        """The name under which the journal keeps what this caller does."""
        return "service" if self.role == "service_role" else f"user:{self.sub or 'anonymous'}"


ANONYMOUS = Principal("anon", None, '{"role":"anon"}')
