"""The command line: `bursar …` for everything an operator does."""


def main() -> None:
    """Run the command that the arguments name, and end the process with its exit code."""
    from bursar.cli.root import app  # late, so that importing this package costs nothing

    app()
