"""Which workspace a caller acts for.

Users act for the workspace that their token names and for no other; the service says for whom.
"""

import re
from uuid import UUID

from bursar.http.principal import Principal
from bursar.http.problem import malformed, refused

# As PostgreSQL prints them. Python would also take braces and other decorations.
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def workspace_of(principal: Principal, named: UUID | None) -> str:
    """Return the id of the workspace that `principal` acts for; `named` is what the body says.

    Raises 422 when the service names none, 403 when a token names none, or the body another.
    """
    if principal.is_service:
        if named is None:
            raise malformed("workspaceId", "The service must name the workspace.")
        return str(named)
    own = own_workspace(principal)
    if named is not None and str(named) != own:
        raise refused("NOT_AUTHORIZED", "You may act for your own workspace only.")
    return own


def own_workspace(principal: Principal) -> str:
    """Return the workspace of a user's token. Raises 403 when what it names is no uuid."""
    own = (principal.workspace or "").lower()
    if not _UUID.fullmatch(own):
        raise refused(
            "NOT_AUTHORIZED",
            "Your token names no workspace: its claim workspace_id, that of app_metadata, or else"
            " its subject, must be a uuid.",
        )
    return own


def reader_of(principal: Principal) -> str | None:
    """Return whose purchases the caller may read; None means everybody's."""
    return None if principal.is_service else own_workspace(principal)


def uuid_of(text: str, field: str) -> str:
    """Return a uuid in lower case. Raises a 422 problem that names the field when it is none."""
    if not _UUID.fullmatch(text):
        raise malformed(field, "It must be a uuid.")
    return text.lower()
