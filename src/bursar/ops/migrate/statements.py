"""Cuts a file into its statements, for the few that the server wants one at a time."""

import re

# In order: comments, quoted text, dollar-quoted text, the end of a statement.
_TOKEN = re.compile(
    r"""
    (?P<comment>--[^\n]*|/\*.*?\*/)
    | (?P<text>[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*")
    | (?P<dollar>\$(?P<tag>[A-Za-z_]\w*|)\$.*?\$(?P=tag)\$)
    | (?P<end>;)
    """,
    re.VERBOSE | re.DOTALL,
)


def split(text: str) -> list[str]:
    """Return the statements of `text` in order, without comments around them.

    Nested block comments are not understood; files that are split do without them.
    """
    statements: list[str] = []
    piece = ""
    last = 0
    for token in _TOKEN.finditer(text):
        piece += text[last : token.start()]
        last = token.end()
        if token["end"]:
            statements.append(piece.strip())
            piece = ""
        elif token["comment"] is None:
            piece += token[0]
    statements.append((piece + text[last:]).strip())
    return [statement for statement in statements if statement]
