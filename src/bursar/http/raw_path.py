"""The address that a request asks for, below whatever prefix the app is mounted at."""

from urllib.parse import quote, unquote

from bursar.http.exchange import Scope


def scope_path(scope: Scope) -> str:
    """Return the decoded path below the prefix under which the app is mounted."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "").rstrip("/")
    if root and (path == root or path.startswith(root + "/")):
        path = path[len(root) :]
    return path or "/"


def raw_path(scope: Scope) -> str:
    """Return the percent-encoded path below the prefix, so that %2F in a value stays one.

    Hosts differ in what they cut off when they mount an app: some the path, some only say so in
    `root_path`, and none the raw path. Its end that decodes to the path is what is meant.
    """
    path = scope_path(scope)
    given = scope.get("raw_path")
    if given is not None:
        raw = str(given.split(b"?", 1)[0], "latin-1")
        if raw == path:
            return path
        at = raw.find("/")
        while at >= 0:
            end = unquote(raw[at:])
            if path in (end, end + "/"):  # Some hosts also add a slash.
                return raw[at:]
            at = raw.find("/", at + 1)
    return quote(path, safe="/:@!$&'()*+,;=~")
