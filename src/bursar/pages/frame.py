"""The frame of every page: header, navigation, footer, and the policy they are served under.

A page is a template that extends `frame.html`. Its addresses are relative, so that the app can be
mounted below any prefix.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from litestar import MediaType, Response

from bursar.pages import words
from bursar.pages.static_files import digest_of

# Scripts and styles come from files of ours alone; nothing inline, nothing from elsewhere.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src {pictures};"
    " connect-src 'self'; base-uri 'none'; form-action {forms}; frame-ancestors 'none'"
)


class Link:
    """A link in a site's navigation: `path` from the root, without a slash in front."""

    __slots__ = ("about", "name", "path")

    def __init__(self, path: str, name: str, about: str = "") -> None:
        self.path = path
        self.name = name
        self.about = about


class Site:
    """Pages that belong together: the templates of one room, in the frame that all share.

    `package` is the room; `links` are its navigation, called `label` by screen readers. `forms`
    says where forms of its pages may be sent, as the policy names sources.
    """

    def __init__(
        self, package: str, label: str, links: tuple[Link, ...], *, forms: str = "'none'"
    ) -> None:
        self._package = package
        self._forms = forms
        self._frame = {"links": links, "links_label": label}

    def render(
        self,
        template: str,
        path: str,
        *,
        status: int = 200,
        pictures: str = "'self'",
        headers: Mapping[str, str] | None = None,
        **values: Any,
    ) -> Response[str]:
        """Return the page of `template`, served at `path`, with the values that it shows.

        `path` is from the root, without a slash in front; it marks the current link of the
        navigation and says how the page's relative addresses begin. `pictures` says where its
        pictures may come from, as the policy names sources.
        """
        root = "../" * path.count("/") or "./"
        text = self._environment.get_template(template).render(path=path, root=root, **values)
        return Response(
            text,
            status_code=status,
            media_type=MediaType.HTML,
            headers={
                "content-security-policy": POLICY.format(pictures=pictures, forms=self._forms),
                "cache-control": "no-cache",
                **(headers or {}),
            },
        )

    @cached_property
    def _environment(self) -> Environment:
        environment = Environment(
            loader=ChoiceLoader([PackageLoader(self._package), PackageLoader("bursar.pages")]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        environment.globals.update(self._frame, digest=digest_of)
        environment.filters.update(words.FILTERS)
        return environment
