"""Who types, and what they typed, for the journal: what is secret in it is left out."""

import os
import pwd
import shlex
from collections.abc import Sequence
from contextvars import ContextVar

# The values of these may hold a password.
_SECRET = ("--database-url", "--scratch", "--token")
_LEFT_OUT = "…"

_words: ContextVar[tuple[str, ...]] = ContextVar("typed", default=())


def remember(words: Sequence[str]) -> None:
    """Keep the words of the command that is about to run, without the program's own name."""
    _words.set(tuple(words))


def typed_command() -> str:
    """Return the command that runs as it could be typed, with nothing secret in it."""
    told: list[str] = []
    for word in _words.get():
        option, given, _ = word.partition("=")
        if told and told[-1] in _SECRET:
            told.append(_LEFT_OUT)
        elif given and option in _SECRET:
            told += [option, _LEFT_OUT]
        else:
            told.append(word)
    # The sign for what was left out needs no quotes.
    return " ".join(["bursar", *(w if w == _LEFT_OUT else shlex.quote(w) for w in told)])


def login_name() -> str:
    """Who types: the operating system's word for it, not a variable that anybody can set."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def actor() -> str:
    """Who types, as journals keep it."""
    return f"operator:{login_name()}"
