"""Examines a database: the expected schema is built, both are read, and what differs is told."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psycopg

from bursar.ops.doctor.adopted import expect_adopted, without_stand_ins
from bursar.ops.doctor.compare import compare
from bursar.ops.doctor.finding import Finding, explain
from bursar.ops.doctor.owner import owned_alike
from bursar.ops.doctor.repair import Plan, plan_repair
from bursar.ops.doctor.schema import Schema, read_schema, schema_of, schemas_of
from bursar.ops.doctor.scratch import scratch_for
from bursar.ops.doctor.sequences_behind import sequences_behind

_RANK = {"error": 0, "warning": 1, "note": 2}


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found, and what could be done about it."""

    findings: Sequence[Finding]
    plan: Plan
    schemas: Sequence[str]

    @property
    def healthy(self) -> bool:
        """Whether the code finds what it expects; notes do not count."""
        return all(finding.severity == "note" for finding in self.findings)


def build_expected(
    live_url: str,
    build: Callable[[str], None],
    schemas: Sequence[str] | None = None,
    *,
    scratch_url: str = "",
) -> tuple[Schema, list[str]]:
    """Build the expected schema for the database at `live_url`, and read it, with its schemas.

    Assets of adopted tables are expected as well. It is built on the server of `scratch_url`, by
    default on the live one, and dropped again.

    Raises `ExpectedSchemaError`, `MigrationError` or `psycopg.Error`.
    """
    with scratch_for(live_url, scratch_url) as url:
        build(url)
        names = list(schemas) if schemas else schemas_of(url)
        stand_ins = expect_adopted(live_url, url)
        return without_stand_ins(read_schema(url, names), stand_ins), names


def examine(url: str, expected: Schema, schemas: Sequence[str]) -> Examination:
    """Compare the database at `url` with the expected schema; nothing is changed.

    Raises `psycopg.Error`.
    """
    with psycopg.connect(url, autocommit=True, application_name="bursar doctor") as connection:
        live = schema_of(connection, schemas)
        expected = owned_alike(expected, live)
        differences = compare(expected, live) + sequences_behind(connection, list(schemas))
    findings = [explain(difference) for difference in differences]
    plan = plan_repair(findings, expected, live)
    told = sorted(findings, key=lambda finding: _RANK[finding.severity])
    return Examination(told, plan, schemas)
