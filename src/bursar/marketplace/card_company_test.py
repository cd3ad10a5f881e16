"""Our calls to the card company, against the local stand-in and against worse than it."""

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Iterator

import pytest

from bursar.marketplace.card_company import (
    CardCompany,
    CardCompanyError,
    CardItem,
    CardSession,
    mode_of,
    session_end,
)
from bursar.settings import Settings
from tests.patience import AGE_SECONDS, PATIENCE_SECONDS
from tests.stand_in import KEY, Mailbox, StandIn, mailbox, stand_in

TWO = [CardItem("Lead in Leeds", 400), CardItem("Lead in York", 600)]


@pytest.fixture(scope="module")
def webhook() -> Iterator[Mailbox]:
    with mailbox() as made:
        yield made


@pytest.fixture(scope="module")
def _process(webhook: Mailbox) -> Iterator[StandIn]:
    with stand_in(webhook.url) as made:
        yield made


@pytest.fixture
def stripe_side(_process: StandIn) -> Iterator[StandIn]:
    """The other side."""
    yield _process
    _process.ask("DELETE", "/_faults")


def settings_for(base: str, **more: object) -> Settings:
    chosen = {
        "stripe_api_key": KEY,
        "stripe_api_base": base,
        "checkout_success_url": "http://127.0.0.1:1/done?session={CHECKOUT_SESSION_ID}",
        "checkout_cancel_url": "http://127.0.0.1:1/back",
    }
    return Settings(**{**chosen, **more})  # type: ignore[arg-type]  # settings by name


@contextlib.asynccontextmanager
async def calling(base: str, **more: object) -> AsyncIterator[CardCompany]:
    made = CardCompany(settings_for(base, **more))
    try:
        yield made
    finally:
        await made.close()


@pytest.fixture
async def company(stripe_side: StandIn) -> AsyncIterator[CardCompany]:
    """Our side."""
    async with calling(stripe_side.address) as made:
        yield made


@pytest.fixture
async def hasty(stripe_side: StandIn) -> AsyncIterator[CardCompany]:
    """Our side, with a time limit that tests can wait for."""
    async with calling(stripe_side.address, stripe_timeout_ms=700) as made:
        yield made


async def opened(
    company: CardCompany, payment_id: str = "", amount: int = 1000, end: int = 0
) -> CardSession:
    return await company.open_session(
        payment_id or str(uuid.uuid4()),
        amount,
        "usd",
        "2 leads",
        TWO,
        end or int(time.time()) + 3600,
    )


async def paid(company: CardCompany, stripe_side: StandIn) -> str:
    """A payment of 1000; the id of its payment intent."""
    session = await opened(company)
    stripe_side.ask("POST", f"/_sessions/{session.id}/pay")
    return (await company.read_session(session.id)).payment_intent


async def test_a_session_names_our_payment_wherever_an_event_will_be(
    company: CardCompany, stripe_side: StandIn, webhook: Mailbox
) -> None:
    webhook.arrivals.clear()
    payment_id, end = str(uuid.uuid4()), int(time.time()) + 3600

    session = await opened(company, payment_id, end=end)

    assert session.url == f"{stripe_side.address}/pay/{session.id}"
    assert (session.status, session.payment_status, session.payment_intent) == (
        "open",
        "unpaid",
        "",
    )
    assert (session.payment_id, session.amount, session.currency) == (payment_id, 1000, "usd")
    assert session.expires_at == end
    done = stripe_side.ask("POST", f"/_sessions/{session.id}/pay")
    named = {"bursar_payment_id": payment_id}
    completed = webhook.wait_for(1)[0].thing
    assert (completed["client_reference_id"], completed["metadata"]) == (payment_id, named)
    await company.refund(str(uuid.uuid4()), done["payment_intent"], 100)
    assert webhook.wait_for(1, "charge.refunded")[0].thing["metadata"] == named
    read = await company.read_session(session.id)
    assert (read.status, read.payment_status, read.url) == ("complete", "paid", "")
    assert read.payment_intent == done["payment_intent"]


async def test_the_same_payment_has_one_session(company: CardCompany) -> None:
    payment_id, end = str(uuid.uuid4()), int(time.time()) + 3600

    first, second = await asyncio.gather(
        opened(company, payment_id, end=end), opened(company, payment_id, end=end)
    )

    assert first == second
    with pytest.raises(CardCompanyError, match="other terms") as refusal:
        await opened(company, payment_id, amount=2000, end=end)
    assert not refusal.value.retriable


async def test_many_items_are_one_line_and_what_is_charged_is_the_amount(
    company: CardCompany,
) -> None:
    end = int(time.time()) + 3600
    for items, amount in (
        ([CardItem(f"Lead {n}", 10) for n in range(101)], 1010),
        (TWO, 1100),
        ([], 300),
        ([CardItem("  ", 100), CardItem("x" * 1000, 200)], 300),
    ):
        session = await company.open_session(
            str(uuid.uuid4()), amount, "usd", "Leads", items, end, cancel_url="http://127.0.0.1:2/"
        )
        assert session.amount == amount


async def test_a_session_can_be_ended_and_one_that_is_over_is_left(
    company: CardCompany, stripe_side: StandIn
) -> None:
    session = await opened(company)
    assert (await company.expire_session(session.id)).status == "expired"
    assert (await company.expire_session(session.id)).status == "expired"

    other = await opened(company)
    stripe_side.ask("POST", f"/_sessions/{other.id}/pay")
    over = await company.expire_session(other.id)
    assert (over.status, over.payment_status) == ("complete", "paid")


async def test_a_refund_is_made_once_for_its_id(company: CardCompany, stripe_side: StandIn) -> None:
    intent, ours = await paid(company, stripe_side), str(uuid.uuid4())

    first, second = await asyncio.gather(
        company.refund(ours, intent, 600), company.refund(ours, intent, 600)
    )

    assert first == second
    assert first.startswith("re_")
    with pytest.raises(CardCompanyError, match="greater than unrefunded") as refusal:
        await company.refund(str(uuid.uuid4()), intent, 401)
    assert not refusal.value.retriable
    await company.refund(str(uuid.uuid4()), intent, 400)
    with pytest.raises(CardCompanyError) as refusal:
        await company.refund(str(uuid.uuid4()), intent, 1)
    assert refusal.value.code == "charge_already_refunded"


async def test_one_lost_answer_is_got_over_without_a_second_effect(
    company: CardCompany, stripe_side: StandIn
) -> None:
    intent = await paid(company, stripe_side)
    # The one that hangs is given up in a while that is enough for the one after it.
    async with calling(stripe_side.address, stripe_timeout_ms=4000) as waiting:
        for fault in ({"fail_calls": 1}, {"hang_calls": 1, "hang_seconds": AGE_SECONDS}):
            stripe_side.ask("POST", "/_faults", {**fault, "after_effect": True})
            assert await waiting.refund(str(uuid.uuid4()), intent, 100)

    with pytest.raises(CardCompanyError, match=r"\(8\.00 USD\)"):
        await company.refund(str(uuid.uuid4()), intent, 801)


async def test_what_may_go_well_later_says_so_and_then_does(
    company: CardCompany, hasty: CardCompany, stripe_side: StandIn
) -> None:
    intent, ours = await paid(company, stripe_side), str(uuid.uuid4())
    for fault in (
        {"fail_calls": 2},
        {"fail_calls": 2, "fail_status": 429},
        {"fail_calls": 2, "fail_status": 503, "after_effect": True},
        {"hang_calls": 2, "hang_seconds": AGE_SECONDS, "after_effect": True},
    ):
        stripe_side.ask("POST", "/_faults", fault)
        started = time.monotonic()
        with pytest.raises(CardCompanyError) as failure:
            await hasty.refund(ours, intent, 250)
        assert failure.value.retriable
        assert time.monotonic() - started < PATIENCE_SECONDS
        stripe_side.ask("DELETE", "/_faults")

    assert await company.refund(ours, intent, 250)
    with pytest.raises(CardCompanyError, match=r"\(7\.50 USD\)"):
        await company.refund(str(uuid.uuid4()), intent, 751)


async def test_a_wrong_key_is_said_without_the_key(stripe_side: StandIn) -> None:
    wrong = "sk_test_that_nobody_may_read_anywhere"
    async with calling(stripe_side.address, stripe_api_key=wrong) as company:
        assert wrong not in repr(company)
        with pytest.raises(CardCompanyError, match="BURSAR_STRIPE_API_KEY") as failure:
            await opened(company)
    assert not failure.value.retriable
    assert "sk_test" not in str(failure.value)
    assert failure.value.__cause__ is None


@pytest.mark.parametrize(
    ("amount", "code"), [(49, "amount_too_small"), (0, "amount_too_small"), (-1, "")]
)
async def test_an_amount_that_is_not_charged_is_refused_for_good(
    company: CardCompany, amount: int, code: str
) -> None:
    with pytest.raises(CardCompanyError, match="Stripe refused") as refusal:
        await opened(company, amount=amount)

    assert not refusal.value.retriable
    assert refusal.value.code in (code, "parameter_invalid_integer")


async def test_without_an_address_to_return_to_nothing_is_asked() -> None:
    async with calling("http://127.0.0.1:1", checkout_success_url="") as company:
        with pytest.raises(CardCompanyError, match="BURSAR_CHECKOUT_SUCCESS_URL"):
            await opened(company)


def test_there_are_no_cards_without_a_key() -> None:
    with pytest.raises(ValueError, match="BURSAR_STRIPE_API_KEY"):
        CardCompany(settings_for("http://127.0.0.1:1", stripe_api_key=""))


@pytest.mark.parametrize(
    ("key", "mode"),
    [
        ("sk_live_x", "live"),
        ("rk_live_x", "live"),
        ("sk_test_x", "test"),
        ("rk_test_x", "test"),
        ("", "test"),
        ("xsk_live_x", "test"),
    ],
)
def test_the_mode_is_a_matter_of_the_key(key: str, mode: str) -> None:
    assert mode_of(Settings(stripe_api_key=key)) == mode


async def test_the_end_of_a_session_is_one_that_stripe_takes() -> None:
    for minutes, expected in ((30, 1860), (31, 1860), (60, 3600), (1440, 86_340)):
        assert session_end(Settings(checkout_minutes=minutes), 1000.9) == 1000 + expected
    with stand_in(options=()) as strict:
        async with calling(strict.address) as company:
            for minutes in (30, 1440):
                end = session_end(Settings(checkout_minutes=minutes), time.time())
                assert (await opened(company, end=end)).expires_at == end
