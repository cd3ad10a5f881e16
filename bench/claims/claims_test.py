"""The benchmark of claims measures what it says: granted claims, one round trip, nothing wrong.

How fast anything is, is no business of a test.
"""

import json
from itertools import islice

import pytest
import uvloop

from bench.claims.__main__ import as_json
from bench.claims.measure import KINDS, ClaimPlan, Measured, calls_of, measure
from bench.prepare import running_cluster

PLAN = ClaimPlan(callers=4, rounds=1, seconds=0.05, warm_up_seconds=0.0, users=3000)


@pytest.fixture(scope="module")
def measured() -> Measured:
    with running_cluster() as cluster:
        return uvloop.run(measure(cluster, PLAN))


def test_every_kind_is_measured_and_nothing_is_wrong(measured: Measured) -> None:
    assert measured.wrong == 0
    assert set(measured.done) == set(KINDS)
    assert min(measured.done.values()) > 100
    document = json.loads(json.dumps(as_json(measured)))
    assert document["p95_ratio"]["reward"] == [1.0, 1.0, 1.0]
    assert all(len(values) == 1 for values in measured.p95.values())


def test_each_lone_call_is_one_round_trip(measured: Measured) -> None:
    assert measured.round_trips == dict.fromkeys(KINDS, 1.0)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "again"])
def test_nobody_is_asked_for_twice_among_those_at_once(kind: str) -> None:
    calls = [request for _, request in islice(calls_of(kind, 500), 500)]

    for field in ("user_id", "tx_id") if kind != "reward" else ("collector_id", "key"):
        assert len({request[field] for request in calls}) == 500
