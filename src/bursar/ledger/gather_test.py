import asyncio
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from bursar.ledger.gather import Line
from bursar.ledger.parcel import Answer, Body, Parcel


def parcel(verb: str, *payers: str) -> Parcel:
    answer: asyncio.Future[list[Answer]] = asyncio.get_running_loop().create_future()
    return Parcel(verb, [Body(b"{}", "k", payer) for payer in payers], answer, 10.0)


async def drain(parcels: Sequence[Parcel], requests_max: int) -> list[list[Parcel]]:
    line = Line()
    for one in parcels:
        line.add(one)
    batches = []
    while batch := line.take(requests_max):
        batches.append(batch)
    assert line.requests == len(line) == 0
    return batches


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(("spend", "grant", "hold")),
            st.lists(st.sampled_from("abcde"), min_size=1, max_size=4),
        ),
        max_size=40,
    ),
    st.integers(1, 6),
)
def test_every_parcel_leaves_once_in_its_payers_order(
    arrivals: list[tuple[str, list[str]]], requests_max: int
) -> None:
    async def scenario() -> None:
        parcels = [parcel(verb, *payers) for verb, payers in arrivals]
        batches = await drain(parcels, requests_max)
        left = [one for batch in batches for one in batch]
        assert sorted(map(id, left)) == sorted(map(id, parcels))
        for batch in batches:
            assert len({one.verb for one in batch}) == 1
            assert len(batch) == 1 or sum(len(one.bodies) for one in batch) <= requests_max
        for payer in "abcde":
            arrived = [p for p in parcels if payer in {b.payer for b in p.bodies}]
            assert [p for p in left if p in arrived] == arrived

    asyncio.run(scenario())


async def test_a_batch_overtakes_other_verbs_of_other_payers_only() -> None:
    spend_a, grant_b, spend_b, spend_c = (
        parcel("spend", "a"),
        parcel("grant", "b"),
        parcel("spend", "b"),
        parcel("spend", "c"),
    )
    batches = await drain([spend_a, grant_b, spend_b, spend_c], 10)
    assert batches == [[spend_a, spend_c], [grant_b], [spend_b]]


async def test_requests_of_callers_who_left_are_dropped_and_told_of() -> None:
    gone, here = parcel("spend", "a"), parcel("spend", "b")
    gone.answer.cancel()
    left: list[Parcel] = []
    line = Line(left.append)
    line.add(gone)
    line.add(here)
    assert line.take(10) == [here]
    assert (left, len(line), line.requests) == ([gone], 0, 0)


async def test_those_who_waited_too_long_are_taken_out() -> None:
    line = Line()
    late, early = parcel("spend", "a"), parcel("spend", "b", "c")
    early.unsent_until = 20.0
    line.add(late)
    line.add(early)
    assert line.remove_unsent(15.0) == [late]
    assert (len(line), line.requests) == (1, 2)
    assert line.clear() == [early]


async def test_one_that_waits_can_be_taken_out_and_one_that_was_taken_cannot() -> None:
    line = Line()
    first, second = parcel("spend", "a", "b"), parcel("spend", "c")
    line.add(first)
    line.add(second)
    assert line.remove(second)
    assert (len(line), line.requests) == (1, 2)
    assert line.take(10) == [first]
    assert not line.remove(first)
    assert line.requests == 0
