"""Monitoring: what is measured, when it is too much, and who is told.

The rules are a table in `rules.py`. Prometheus' rules and the dashboard are written from it, and
`bursar monitor` judges by it from the database alone, so that there is one definition of each.
"""

from bursar.ops.monitor.judge import FIRING, OK, PENDING, UNTOLD, Judged, judge
from bursar.ops.monitor.look import Report, look
from bursar.ops.monitor.rules import RULES, Rule

__all__ = [
    "FIRING",
    "OK",
    "PENDING",
    "RULES",
    "UNTOLD",
    "Judged",
    "Report",
    "Rule",
    "judge",
    "look",
]
