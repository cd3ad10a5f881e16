"""Mends what the audit found, by compensation alone; the rest is told with its procedure."""

from bursar.ops.reconcile.run import Reconciliation, reconcile

__all__ = ["Reconciliation", "reconcile"]
