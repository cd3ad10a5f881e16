"""Scripts, style sheets and pictures of the pages, under one address for all sites."""

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from litestar import Request, Response, get
from litestar.exceptions import NotFoundException

# The rooms that have a folder `static`. A name is given once among all of them.
HOMES = ("bursar.pages", "bursar.demo", "bursar.console")
# A file's address carries a digest of its text, so a browser may keep it; without one it asks.
_KEEP = "public, max-age=31536000, immutable"
_MEDIA = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class _File:
    body: bytes
    media_type: str
    digest: str


@cache
def _found() -> dict[str, _File]:
    found: dict[str, _File] = {}
    for home in HOMES:
        for entry in _entries(files(home) / "static"):
            media_type = _MEDIA.get("." + entry.name.rpartition(".")[2])
            if media_type is not None:
                body = entry.read_bytes()
                found[entry.name] = _File(body, media_type, sha256(body).hexdigest()[:12])
    return found


def _entries(folder: Traversable) -> list[Traversable]:
    """Return the files of a folder and of the folders in it."""
    if not folder.is_dir():
        return []
    return [
        found
        for entry in folder.iterdir()
        for found in (_entries(entry) if entry.is_dir() else [entry])
    ]


def digest_of(name: str) -> str:
    """Return the digest that the address of a file carries. Raises `KeyError` for no file."""
    return _found()[name].digest


@get("/static/{name:str}", include_in_schema=False, sync_to_thread=False)
def static_file(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Serve a script, a style sheet or a picture of the pages."""
    file = _found().get(request.path_params["name"])
    if file is None:
        raise NotFoundException
    headers = {"etag": f'"{file.digest}"', "cache-control": "no-cache"}
    if request.query_params.get("v") == file.digest:
        headers["cache-control"] = _KEEP
    if request.headers.get("if-none-match") == headers["etag"]:
        return Response(b"", status_code=304, media_type=file.media_type, headers=headers)
    return Response(file.body, media_type=f"{file.media_type}; charset=utf-8", headers=headers)
