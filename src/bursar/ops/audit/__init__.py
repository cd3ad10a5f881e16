"""Proves the ledger's promises on live data: every invariant is one SQL file in `invariants/`."""

from bursar.ops.audit.invariant import Invariant, UnknownInvariant, load_invariants
from bursar.ops.audit.report import Finding, Report, Verdict
from bursar.ops.audit.run import run_audit
from bursar.ops.audit.snapshot import NotInstalled, PartlyHidden

__all__ = [
    "Finding",
    "Invariant",
    "NotInstalled",
    "PartlyHidden",
    "Report",
    "UnknownInvariant",
    "Verdict",
    "load_invariants",
    "run_audit",
]
