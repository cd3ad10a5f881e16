"""`python -m bench`: the same as `bursar bench`, for whoever stands in the source tree."""

import sys

from bursar.cli.root import app

if __name__ == "__main__":
    app(["bench", *sys.argv[1:]], prog_name="bursar")
