"""Races many buyers against a running deployment over HTTP, and judges what came of it."""

from bursar.ops.race.judge import Finding, Verdict
from bursar.ops.race.run import run_race
from bursar.ops.race.storefront import Unreachable

__all__ = ["Finding", "Unreachable", "Verdict", "run_race"]
