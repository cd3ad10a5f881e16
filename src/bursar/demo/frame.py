"""The frame of every page: header, navigation, footer, and the policy they are served under.

A page is a template that extends `frame.html`. Its addresses are relative, so that the app can be
mounted below any prefix.
"""

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import MediaType, Request, Response, get
from litestar.exceptions import NotFoundException

# Scripts and styles come from files of ours alone; nothing inline, nothing from elsewhere.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# A file's address carries a digest of its text, so a browser may keep it; without one it asks.
_KEEP = "public, max-age=31536000, immutable"
_MEDIA = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class StoreFront:
    """A link in the navigation: `path` from the root, without a slash in front."""

    path: str
    name: str
    about: str


# Every store-front adds itself here.
STORE_FRONTS = (
    StoreFront(
        "demo/rewards",
        "Rewards",
        "A reward store: be a collector, a creator or a newcomer.",
    ),
)


@dataclass(frozen=True, slots=True)
class _File:
    body: bytes
    media_type: str
    digest: str


@cache
def _static() -> dict[str, _File]:
    found = {}
    for entry in (files("bursar.demo") / "static").iterdir():
        media_type = _MEDIA.get("." + entry.name.rpartition(".")[2])
        if media_type is not None:
            body = entry.read_bytes()
            digest = sha256(body).hexdigest()[:12]
            found[entry.name] = _File(body, media_type, digest)
    return found


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("bursar.demo"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals["store_fronts"] = STORE_FRONTS
    environment.globals["digest"] = lambda name: _static()[name].digest
    return environment


def render(template: str, path: str, **values: Any) -> Response[str]:
    """Return the page of `template`, served at `path`, with the values that it shows.

    `path` is from the root, without a slash in front; it marks the current link of the navigation
    and says how the page's relative addresses begin.
    """
    root = "../" * path.count("/") or "./"
    text = _environment().get_template(template).render(path=path, root=root, **values)
    return Response(
        text,
        media_type=MediaType.HTML,
        headers={"content-security-policy": POLICY, "cache-control": "no-cache"},
    )


@get("/static/{name:str}", include_in_schema=False, sync_to_thread=False)
def static_file(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Serve a script, a style sheet or a picture of the pages."""
    file = _static().get(request.path_params["name"])
    if file is None:
        raise NotFoundException
    headers = {"etag": f'"{file.digest}"', "cache-control": "no-cache"}
    if request.query_params.get("v") == file.digest:
        headers["cache-control"] = _KEEP
    if request.headers.get("if-none-match") == headers["etag"]:
        return Response(b"", status_code=304, media_type=file.media_type, headers=headers)
    return Response(file.body, media_type=f"{file.media_type}; charset=utf-8", headers=headers)
