"""Tasks on what waits: one event or claim tried again, or everything that waits, in order."""

from typing import Any

from bursar.claims.replay import Progress, replay_one, replay_queue, replay_spool
from bursar.claims.spool import Spool
from bursar.console.asked import ask_or_none, number_in, with_query
from bursar.console.event_words import (
    PROVIDERS,
    is_left,
    last_answer,
    mode_of_event,
    state_of_claim,
    state_of_event,
)
from bursar.console.inbox import count_left
from bursar.console.task import Field, Means, Order, Passing, Task, Values, or_raise
from bursar.errors import Fault, Refused
from bursar.http.problem import malformed
from bursar.marketplace.chores import take_kept_events
from bursar.pages.words import counted

# Things that one click carries out of the spool, and as many out of the queue: some seconds' work.
MOST = 2_000
_KINDS = (("event", "an event of a store"), ("claim", "a claim that waits"))
_ASIDE = (("no", "stays set aside"), ("yes", "is tried again as well"))


async def _found(means: Means, values: Values) -> dict[str, Any]:
    """Return the event or the claim. Raises a 422 problem when there is none, or it is done."""
    number = number_in(values["id"])
    if number is None:
        raise malformed("id", "Number must be that of an event or of a claim in the inbox.")
    name = "read_event" if values["kind"] == "event" else "read_queued_claim"
    found: dict[str, Any] | None = await means.ledger.read(name, number)
    if found is None:
        raise malformed("id", "The inbox has no such event or claim.")
    return found


async def _plan_one(means: Means, values: Values) -> list[str]:
    found = await _found(means, values)
    if not is_left(found):
        raise malformed("id", "It was carried out already: there is nothing left to try.")
    if values["kind"] == "event":
        origin = PROVIDERS.get(found["provider"], found["provider"])
        about = f" about {found['subject']}" if found["subject"] else ""
        lines = [f"{origin} sent {found['type']}{about}, event {found['event_id']}."]
        if mode_of_event(found) != "live":
            lines.append(f"It is of the {mode_of_event(found)}, and stays so: no money was paid.")
        stands = state_of_event(found)[1]
    else:
        lines = [f"{found['user_id']} claimed {found['sku']} of purchase {found['tx_id']}."]
        stands = state_of_claim(found)[1]
    why = last_answer(found)
    lines.append(f"Now it {stands}." if stands.startswith("waits") else f"Now it is {stands}.")
    if why:
        lines.append(f"The last try said: {why}")
    lines.append(
        "It is carried out as it came, also while claims are queued. It takes effect once, however"
        " often it is tried; if it fails, it is set aside again."
    )
    return lines


async def _refuse_while_paused(means: Means) -> None:
    """Raise `Refused` with DEGRADED while changes are paused, before anything is touched."""
    if means.settings.is_degraded or (await means.ledger.read("read_gate"))["degraded"]:
        raise Refused("DEGRADED")


async def _replay_one(means: Means, values: Values, order: Order) -> str:
    await _refuse_while_paused(means)
    before = await _found(means, values)
    if values["kind"] == "event" and before["provider"] == "stripe":
        or_raise(await means.ledger.call("take_stripe_event", {"event": before["payload"]}))
    else:
        progress = await replay_one(means.ledger, values["kind"], int(values["id"]))
        if progress.left:
            raise Refused("BUSY", "BUSY: It could not be carried out just now, and waits.")
    after = await _found(means, values)
    if values["kind"] == "claim":
        return f"Tried again; the claim {_is(state_of_claim(after)[1])}."
    if after["status"] != "done":
        code = (after["outcome"] or {}).get("code")
        if code:
            raise Refused(str(code), last_answer(after))
        raise Fault(f"It failed again and was set aside: {last_answer(after)}")
    return f"Carried out; the event {_is(state_of_event(after)[1])}."


def _is(state: str) -> str:
    return state if state.startswith("waits") else f"is {state}"


async def _plan_queue(means: Means, values: Values) -> list[str]:
    counts = await count_left(means.ledger, Spool.of(means.settings))
    shop = await ask_or_none(means.ledger, "read_shop_status")
    spooled = counts["spooled"] or 0
    lines = [
        Passing(
            f"{counted(counts['waiting_events'], 'event')} and"
            f" {counted(counts['waiting_claims'], 'claim')} wait, {counted(spooled, 'thing')} in"
            f" the spool of this process; {counted(counts['set_aside'], 'thing')} set aside."
        ),
        "What waits is carried out in order: the spool, then events of the stores, then claims, at"
        f" most {MOST:,} of each. What was carried out before adds nothing.",
        f"What was set aside {dict(_ASIDE)[values['aside']]}.",
        "A claim that waits for its purchase goes on waiting until the store tells of it.",
    ]
    if shop is not None and shop["claims_mode"] == "queue":
        lines.append("Claims are queued: what waits for the opening goes on waiting.")
    return lines


async def _replay_queue(means: Means, values: Values, order: Order) -> str:
    await _refuse_while_paused(means)
    ledger, spool = means.ledger, Spool.of(means.settings)
    if values["aside"] == "yes":
        await ask_or_none(ledger, "take_store_work_up")
    spooled = Progress()
    if spool is not None and not spool.is_empty():
        spooled = await replay_spool(ledger, spool, MOST)
    queued = await replay_queue(ledger, most=MOST)
    cards, failed = 0, ""
    if await ask_or_none(ledger, "waiting_stripe_events", 1):
        cards, failed = await take_kept_events(ledger)
    left = await count_left(ledger, spool)
    wait = left["waiting_events"] + left["waiting_claims"] + (left["spooled"] or 0)
    told = (
        f"Carried out: {spooled.done} from the spool, {queued.done} from the queue, {cards} of"
        f" cards. Left: {wait} wait still. Set aside: {spooled.aside + queued.aside} now,"
        f" {left['set_aside']} in all."
    )
    return f"{told} One failed: {failed}" if failed else told


def _page_of_one(values: Values) -> str:
    name = "id" if values["kind"] == "event" else "claim"
    return with_query("console/event", **{name: values["id"]})


REPLAY_EVENT = Task(
    "replay-event",
    "Try again",
    "An event or a claim that waits, or was set aside, is carried out once more.",
    (
        Field("kind", "What it is", "choice", choices=_KINDS),
        Field("id", "Number", about="Its number in the inbox.", length_max=18),
    ),
    _plan_one,
    _replay_one,
    _page_of_one,
)
REPLAY_QUEUE = Task(
    "replay-queue",
    "Carry out what waits",
    "What was accepted and had to wait is carried out now, instead of in the worker's next round.",
    (Field("aside", "What was set aside", "choice", choices=_ASIDE),),
    _plan_queue,
    _replay_queue,
    lambda values: "console/inbox",
)
