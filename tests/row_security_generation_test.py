"""Who sees what of generation: users their own, visitors what is offered, by every way."""

import pytest

from tests.deployment import Deployment
from tests.ledger_in_sql import Ledger, done
from tests.studio import deduct, new_artist, new_product, submitted
from tests.ways import ANON, SERVICE, Answer, Caller, Way, user

pytestmark = pytest.mark.postgres_versions("15", "18")

OWN = ("profiles", "generation_jobs")
SERVICES = ("generation_outputs", "generation_deductions", "generation_events")


class Studio:
    """Two people with a job and a deduction each, and a product that is withdrawn."""

    def __init__(self, ledger: Ledger) -> None:
        self.users = [new_artist(ledger, 3) for _ in range(2)]
        for one in self.users:
            job_id = submitted(ledger, one)
            ledger.value("SELECT bursar.keep_generation_output(%s, 'image/png', 'AAAA')", job_id)
            done(deduct(ledger, one))
        self.offered, self.withdrawn = new_product(ledger), new_product(ledger, is_active=False)


@pytest.fixture
def studio(deployment: Deployment, way: Way, postgres_version: str) -> Studio:
    return Studio(Ledger(deployment.database))


def rows(answer: Answer) -> list[dict[str, object]]:
    assert answer.code == "done", answer
    found: list[dict[str, object]] = answer.body
    return found


async def test_users_read_their_own_and_nobody_elses(studio: Studio, way: Way) -> None:
    for one in studio.users:
        me = user(one)
        profiles, jobs = [rows(await way.read(me, table)) for table in OWN]
        assert [(row["id"], row["credits"]) for row in profiles] == [(one, 2)]
        assert {row["user_id"] for row in jobs} == {one}
        for table in SERVICES:
            assert (await way.read(me, table)).code == "42501", table


async def test_visitors_see_what_is_offered_and_no_more(studio: Studio, way: Way) -> None:
    offered = {row["product"] for row in rows(await way.read(ANON, "generation_products"))}
    assert (studio.offered in offered, studio.withdrawn in offered) == (True, False)
    for table in (*OWN, *SERVICES):
        assert (await way.read(ANON, table)).code == "42501", table


async def test_the_service_reads_everything(studio: Studio, way: Way) -> None:
    caller: Caller = SERVICE
    profiles = {row["id"] for row in rows(await way.read(caller, "profiles"))}
    assert set(studio.users) <= profiles
    for table in SERVICES:
        assert (await way.read(caller, table)).code == "done", table
