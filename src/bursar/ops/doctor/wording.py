"""One wording for what PostgreSQL renders in several.

`a BETWEEN 1 AND 2 AND b` is kept as `((a >= 1) AND (a <= 2)) AND b`; dumped and restored it has
become `(a >= 1) AND (a <= 2) AND b`. Both say the same.
"""

import re
from functools import lru_cache

_TOKEN = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | \w+ | \s+ | [()] | .""", re.VERBOSE | re.DOTALL
)
# `= ANY ((ARRAY['a'::character varying])::text[])` comes back from a dump with a cast each.
_CAST_TEXT = re.compile(r"\(('(?:[^']|'')*')::character varying\)::text")
_CAST_ARRAY = re.compile(r"\((ARRAY\[[^\[\]]*\])\)::text\[\]")
_CAST = re.compile(
    r'::(?:"[^"]+"|[\w.]+)(?: varying| precision| with(?:out)? time zone)?(?:\(\d+\))?(?:\[\])*'
)
_CONNECTIVES = ("AND", "OR")

# What is between two parentheses: words, and what is between parentheses inside of it.
_Group = list["str | _Group"]


@lru_cache(maxsize=65_536)
def plain(text: str) -> str:
    """Return `text` without the parentheses and spaces in which renderings differ."""
    if "(" not in text:
        return text
    text = _CAST_TEXT.sub(r"\1::text", text)
    text = _CAST_ARRAY.sub(lambda found: found[1].replace("::character varying", "::text"), text)
    root: _Group = []
    open_groups = [root]
    for word in _TOKEN.findall(text):
        if word == "(":
            inner: _Group = []
            open_groups[-1].append(inner)
            open_groups.append(inner)
        elif word == ")" and len(open_groups) > 1:
            open_groups.pop()
        elif not word.isspace():
            open_groups[-1].append(word)
    return _told(root)


def same(one: object, other: object) -> bool:
    """Whether two facts say the same."""
    if isinstance(one, str) and isinstance(other, str) and one != other:
        return plain(one) == plain(other)
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return all(map(same, one, other))
    return one == other


def without_casts(text: str) -> str:
    """Return `text` without what a column's type adds to it: casts, and parentheses around them."""
    return re.sub(r"[()\s]", "", _CAST.sub("", text))


def _told(group: _Group) -> str:
    words = [part if isinstance(part, str) else f"({_told(_flat(part))})" for part in group]
    return " ".join(words)


def _flat(group: _Group) -> _Group:
    """Take the parentheses away around a part that is joined to the rest as its own parts are."""
    joined = _connective(group)
    if joined is None:
        return group
    flat: _Group = []
    for place, part in enumerate(group):
        before = group[place - 1] if place else joined
        after = group[place + 1] if place + 1 < len(group) else joined
        inner = _flat(part) if isinstance(part, list) else []
        if isinstance(part, list) and before == after == joined and _connective(inner) == joined:
            flat += inner
        else:
            flat.append(part)
    return flat


def _connective(parts: _Group) -> str | None:
    """Return what joins the parts of a group, where it is one and the same word."""
    words = {part for part in parts if isinstance(part, str) and part in _CONNECTIVES}
    return str(words.pop()) if len(words) == 1 else None
