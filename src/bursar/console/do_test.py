"""The way of a task: form, plan, carried out once, journaled, and refused with a sentence."""

import asyncio

from bursar.console.conftest import Desk


async def test_a_correction_is_planned_made_and_journaled(desk: Desk) -> None:
    owner = desk.ledger.funded(40)
    await desk.sign_in()

    said = await desk.plan(
        "adjust", owner_id=owner, asset="credit", amount="+60", shortfall="refuse"
    )

    assert "has 40 credit" in said
    assert "corrected by +60" in said
    assert "has 100 afterwards" in said
    assert "a ticket" in said
    assert desk.ledger.wallet(owner) == (40, 0, 0)
    assert desk.journal() == []
    back = await desk.carry_out("adjust")
    assert f"console/wallet?owner_id={owner}&asset=credit&done=" in back
    assert desk.ledger.wallet(owner) == (100, 0, 0)
    [(command, actor, status, result)] = desk.journal()
    assert (command, actor, status) == ("console adjust", "operator:ann", "done")
    assert result.startswith("Corrected by +60: transaction ")
    [(plan,)] = desk.ledger.rows("SELECT plan FROM bursar.operation")
    assert plan[0] == "Correct a balance: a ticket"
    [(reason, by)] = desk.ledger.rows(
        "SELECT reason, actor FROM bursar.transaction WHERE verb = 'adjust'"
    )
    assert (reason, by) == ("a ticket", "operator:ann")


async def test_a_form_that_is_sent_twice_is_carried_out_once(desk: Desk) -> None:
    owner = desk.ledger.funded(40)
    await desk.sign_in()
    await desk.plan("adjust", owner_id=owner, asset="credit", amount="5", shortfall="refuse")

    answers = await asyncio.gather(
        *(desk.client.post("/console/do/adjust", data=desk.hidden) for _ in range(5))
    )

    assert 303 in {answer.status_code for answer in answers}
    assert desk.ledger.wallet(owner) == (45, 0, 0)
    assert len(desk.journal()) == 1


async def test_a_plan_that_no_longer_holds_is_shown_again(desk: Desk) -> None:
    owner = desk.ledger.funded(40)
    await desk.sign_in()
    await desk.plan("adjust", owner_id=owner, asset="credit", amount="5", shortfall="refuse")
    desk.ledger.one("grant", owner_id=owner, asset="credit", amount=1)

    said = await desk.carry_out("adjust", status=200)

    assert "Things have changed" in said
    assert "has 41 credit" in said
    assert desk.ledger.wallet(owner) == (41, 0, 0)
    await desk.carry_out("adjust")
    assert desk.ledger.wallet(owner) == (46, 0, 0)


async def test_what_is_refused_says_so_and_is_journaled_as_failed(desk: Desk) -> None:
    owner = desk.ledger.funded(40)
    await desk.sign_in()
    said = await desk.plan(
        "adjust", owner_id=owner, asset="credit", amount="−50", shortfall="refuse"
    )
    assert "this will be refused" in said

    said = await desk.carry_out("adjust", status=402)

    assert "INSUFFICIENT_FUNDS" in said
    assert desk.ledger.wallet(owner) == (40, 0, 0)
    [(_, _, status, result)] = desk.journal()
    assert status == "failed"
    assert result.startswith("INSUFFICIENT_FUNDS")


async def test_a_form_with_something_wrong_comes_back_as_it_was(desk: Desk) -> None:
    owner = desk.ledger.funded(40)
    await desk.sign_in()
    known = {"owner_id": owner, "asset": "credit", "shortfall": "refuse"}
    for amount, complaint in (
        ("", "Amount is needed"),
        ("many", "must be a whole number"),
        ("0", "must not be zero"),
        ("9" * 30, "must not be zero, and at most"),
    ):
        said = await desk.plan("adjust", 422, **known, amount=amount)
        assert complaint in said, amount
        assert owner in desk.page
    assert "Reason is needed" in await desk.plan("adjust", 422, **known, amount="5", reason="  ")
    said = await desk.plan("adjust", 422, **(known | {"owner_id": "nobody"}), amount="5")
    assert "nobody" in desk.page


async def test_production_wants_its_name(desk: Desk) -> None:
    owner = desk.ledger.funded(40)
    name = desk.ledger.value("SELECT current_database()")
    desk.ledger.admin.execute(
        f"ALTER DATABASE \"{name}\" SET bursar.environment = 'production'".encode()
    )
    await desk.sign_in()
    try:
        await desk.plan("adjust", owner_id=owner, asset="credit", amount="5", shortfall="refuse")
        for wrong in ("", "x"):
            said = await desk.carry_out("adjust", status=200, confirm=wrong)
            assert "is production" in said
            assert desk.ledger.wallet(owner) == (40, 0, 0)
        await desk.carry_out("adjust", confirm=name)
        assert desk.ledger.wallet(owner) == (45, 0, 0)
    finally:
        desk.ledger.admin.execute(f'ALTER DATABASE "{name}" RESET bursar.environment'.encode())


async def test_there_is_no_task_of_that_name(desk: Desk) -> None:
    await desk.sign_in()
    await desk.look("/console/do/nothing", 404)
