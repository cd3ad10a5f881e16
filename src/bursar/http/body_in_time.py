"""The time that a page gives a request's body to arrive."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

from litestar.exceptions import HTTPException

from bursar.http.exchange import Receive


def in_time(receive: Receive, seconds: float) -> Receive:
    """Return `receive` with a limit for the body as a whole.

    What comes after it, that the client hung up, is waited for as long as somebody asks. Raises
    what the pages answer with 408.
    """
    deadline = asyncio.get_running_loop().time() + seconds
    is_whole = False

    async def receive_in_time() -> MutableMapping[str, Any]:
        nonlocal is_whole
        if is_whole:
            return await receive()
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError:
            raise HTTPException(status_code=408, detail="The body took too long.") from None
        is_whole = not message.get("more_body", False)
        return message

    return receive_in_time
