"""Writes the files that are shipped, from the table of rules: `python -m bursar.ops.monitor.write`.

A test compares them with what would be written, so a change of a rule is not forgotten here.
"""

from pathlib import Path

from bursar.ops.monitor.dashboard import dashboard_file
from bursar.ops.monitor.promql import rules_file

HERE = Path(__file__).parent
RULES_FILE = HERE / "bursar.rules.yml"
DASHBOARD_FILE = HERE / "bursar.dashboard.json"


def write() -> None:
    """Write the rules for Prometheus and the dashboard for Grafana."""
    RULES_FILE.write_text(rules_file(), "utf-8")
    DASHBOARD_FILE.write_text(dashboard_file(), "utf-8")


if __name__ == "__main__":
    write()
