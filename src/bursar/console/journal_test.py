"""The journal's pages follow each other by key, and an operation shows its whole plan."""

import re
import uuid

from bursar.console.conftest import Desk
from bursar.console.journal import PAGE_LENGTH, lasted


def keep(desk: Desk, count: int) -> list[str]:
    """Write operations down that began at the same moment, two and two; the newest first."""
    rows = desk.ledger.rows(
        "INSERT INTO bursar.operation (id, command, actor, role, plan, status, started_at,"
        " ended_at, result) SELECT gen_random_uuid(), 'console task ' || n, 'operator:ann', 'r',"
        " ARRAY['Task: a ticket', 'What it does ' || n], 'done',"
        " bursar.clock() - make_interval(secs => n / 2 * 60), bursar.clock(), 'Did ' || n"
        " FROM generate_series(1, %s) AS n RETURNING id::text, started_at",
        count,
    )
    return [key for key, at in sorted(rows, key=lambda row: (row[1], row[0]), reverse=True)]


def links(desk: Desk) -> list[str]:
    return re.findall(r'<th scope="row"><a href="\.\./console/journal/([^"]+)"', desk.page)


async def test_pages_follow_each_other_and_leave_nothing_out(desk: Desk) -> None:
    kept = keep(desk, 2 * PAGE_LENGTH + 3)
    await desk.sign_in("viewer", "vic")
    seen: list[str] = []
    path = "/console/journal"
    while path:
        await desk.look(path)
        seen += links(desk)
        found = re.search(r'href="[./]*(console/journal\?before=[^"]+)" rel="next"', desk.page)
        path = f"/{found[1]}" if found else ""
        assert len(seen) <= len(kept)
    assert seen == kept


async def test_an_empty_journal_says_what_would_be_here(desk: Desk) -> None:
    await desk.sign_in("viewer", "vic")
    assert "Nobody has done anything yet." in await desk.look("/console/journal")


async def test_an_operation_shows_who_what_when_and_its_plan(desk: Desk) -> None:
    owner = desk.ledger.funded(40)
    await desk.sign_in()
    await desk.plan("adjust", owner_id=owner, asset="credit", amount="+60", shortfall="refuse")
    await desk.carry_out("adjust")
    await desk.look("/console/journal")
    [key] = links(desk)

    said = await desk.look(f"/console/journal/{key}")

    assert "console adjust By operator:ann, just now" in said
    assert "Corrected by +60: transaction" in said
    assert "Correct a balance: a ticket" in said
    assert "has 100 afterwards" in said
    assert "bursar_service" in said


async def test_what_an_operation_came_to_is_said_on_any_page(desk: Desk) -> None:
    owner = desk.ledger.funded(40)
    await desk.sign_in()
    await desk.plan("adjust", owner_id=owner, asset="credit", amount="+60", shortfall="refuse")
    done = (await desk.carry_out("adjust")).partition("done=")[2]
    for path in ("/console", "/console/charts", "/console/checks", "/console/journal"):
        said = await desk.look(f"{path}?done={done}")
        assert said.startswith("Done. Corrected by +60: transaction"), path
        assert f"console/journal/{done}" in desk.page
        assert not (await desk.look(path)).startswith("Done.")
    for wrong in (str(uuid.uuid4()), "x", "'", "0" * 5000):
        assert 'id="outcome"' not in (await desk.client.get(f"/console?done={wrong}")).text


async def test_there_is_no_such_operation(desk: Desk) -> None:
    await desk.sign_in("viewer", "vic")
    for name in (str(uuid.uuid4()), "x", "1'"):
        await desk.look(f"/console/journal/{name}", 404)
    await desk.look("/console/journal?before=x", 404)


def test_a_span_is_told_in_words() -> None:
    assert [lasted(one) for one in (0.034, 2.1, 200)] == ["34 ms", "2.1 s", "3 min 20 s"]
