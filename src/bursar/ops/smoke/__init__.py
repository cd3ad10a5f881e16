"""Tries each kind of purchase once against a running deployment; the same as SQL for psql."""

from bursar.ops.smoke.run import run_smoke, self_test

__all__ = ["run_smoke", "self_test"]
