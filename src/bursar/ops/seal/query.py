"""The queries of the verification, with the parts that they share with the sealing function.

What a row's text is and what a seal's digest is over stand once, in `seal/write_seal.sql`. They
are taken from the file and not from the database, where the function may have been replaced along
with the rows it was to protect.
"""

import re
from functools import cache
from importlib import resources

_PART = re.compile(r"-- <(\w+)>\n(.*?)-- </\1>", re.DOTALL)
_SEALING = resources.files("bursar.seal") / "write_seal.sql"


@cache
def query(name: str) -> str:
    """Return the text of `<name>.sql`, whose $1 and $2 are the first and the last transaction."""
    parts = dict(_PART.findall(_SEALING.read_text("utf-8")))
    rows = re.sub(r"\bp_from\b", "$1::bigint", parts["rows"])
    rows = re.sub(r"\bp_to\b", "$2::bigint", rows)
    text = (resources.files("bursar.ops.seal") / f"{name}.sql").read_text("utf-8")
    return text.replace("FROM bursar.sealed_rows AS", f"FROM ({rows}) AS").replace(
        "= bursar.seal_digest()", f"= {parts['digest']}"
    )
