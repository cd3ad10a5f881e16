"""The provider of `bursar up` where none is set: a local stand-in that draws and writes."""

import secrets
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Self

from bursar.cli.answer import FAILED, CommandError
from bursar.cli.deployment import Deployment
from bursar.db.place import prepare_home
from bursar.settings import Settings
from bursar.stand_ins.provider.process import LocalProvider

BOOK_FILE = "provider-stand-in.jsonl"


class LocalProviderOfUp:
    """The stand-in of a deployment: it starts when it is made, and ends with the context.

    Its key is made anew with each start and is nobody's but the service's. Should it die before
    the service does, another takes its place; jobs under way wait their turn again.
    """

    def __init__(self, deployment: Deployment, say: Callable[[str], None]) -> None:
        self._key = f"sk-local-{secrets.token_hex(24)}"
        # Calls of an earlier run are of no use to this one.
        book = prepare_home(deployment.data).resolve() / BOOK_FILE
        book.unlink(missing_ok=True)
        self._process = LocalProvider(api_key=self._key, book=book, say=say)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.stop()

    @property
    def address(self) -> str:
        """Where it answers; waits until it does. Raises `CommandError` when it does not start."""
        try:
            return self._process.address
        except RuntimeError as error:
            raise CommandError(str(error), FAILED) from None

    def add_to(self, settings: Settings) -> Settings:
        """Return the settings of a service whose provider this is."""
        return replace(settings, provider_url=f"{self.address}/v1", provider_api_key=self._key)
