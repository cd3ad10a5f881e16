"""Races many buyers against a running deployment over HTTP, and judges what came of it."""

from bursar.ops.race.clean import Cleaned, clean
from bursar.ops.race.judge import Finding, Verdict
from bursar.ops.race.run import run_race
from bursar.ops.race.scenarios import COST, OneReward, Scenario, Stage, TwoWindows, at_once, play
from bursar.ops.race.storefront import Door, StoreFront, Unreachable

__all__ = [
    "COST",
    "Cleaned",
    "Door",
    "Finding",
    "OneReward",
    "Scenario",
    "Stage",
    "StoreFront",
    "TwoWindows",
    "Unreachable",
    "Verdict",
    "at_once",
    "clean",
    "play",
    "run_race",
]
