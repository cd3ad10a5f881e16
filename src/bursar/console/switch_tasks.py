"""Tasks on switches: pausing changes, products on and off, claims queued or open, the message.

They work while changes are paused: that is when they are needed. A switch stands in the database,
so every process obeys it at once.
"""

from typing import Any

from bursar.claims.shop_switch import set_store_config, switch_sku
from bursar.console.task import Field, Means, Order, Passing, Task, Values
from bursar.http.problem import malformed
from bursar.ops.degraded import switch
from bursar.pages.words import counted

# The page waits so long for writers that are inside; whoever wants to know later looks again.
WAIT_SECONDS = 5.0
MESSAGE_LENGTH_MAX = 500
EVERY_SKU = "all"
_PAUSES = (("on", "paused: nothing is written"), ("off", "going on"))
_STATES = (("on", "on"), ("off", "off"))
_MODES = (("open", "granted at once"), ("queue", "accepted, and granted later"))


def named(writer: dict[str, Any]) -> str:
    """Return who a writer is: process, role, application, how long, and what they do."""
    application = f" ({writer['application']})" if writer["application"] else ""
    return (
        f"process {writer['pid']} of {writer['role']}{application}, for {writer['seconds']} s,"
        f" {writer['state']}: {writer['doing']}"
    )


async def _plan_degraded(means: Means, values: Values) -> list[str]:
    gate = await means.ledger.read("read_gate")
    if values["state"] == "off":
        if not gate["degraded"]:
            raise malformed("state", "Changes are not paused: there is nothing to let go on.")
        lines = [
            f"Changes were paused by {gate['changed_by']}: {gate['reason']}",
            "They go on for everybody, in every process, at once.",
            "Events that the stores sent meanwhile take effect with the worker's next round.",
        ]
        if means.settings.is_degraded:
            lines.append(
                "This process refuses changes all the same: its environment told it to, and only"
                " a start without BURSAR_DEGRADED_MODE ends that."
            )
        return lines
    writers = await means.ledger.read("read_writers")
    first = (
        f"Changes are paused already, by {gate['changed_by']}: {gate['reason']}"
        if gate["degraded"]
        else "Changes are paused for everybody, in every process, at once."
    )
    return [
        first,
        "Purchases, claims, grants and plain SQL of apps are refused with DEGRADED. Reading goes"
        " on, switches can be turned, and what the stores tell is kept for later.",
        f"Who is inside already may finish; {WAIT_SECONDS:.0f} seconds are waited for them.",
        Passing(f"{counted(len(writers), 'writer')} inside now."),
        *(Passing(f"Inside: {named(writer)}") for writer in writers),
    ]


async def _switch_degraded(means: Means, values: Values, order: Order) -> str:
    switched = await switch(
        means.ledger,
        on=values["state"] == "on",
        reason=order.reason,
        actor=order.actor,
        wait_seconds=WAIT_SECONDS,
    )
    if not switched.degraded:
        return "Changes go on."
    if switched.acknowledged:
        return "Changes are paused. Acknowledged: no writer is inside any more."
    inside = "; ".join(named(writer) for writer in switched.writers)
    return f"Changes are paused, but not acknowledged. May still write: {inside}"


async def _plan_sku(means: Means, values: Values) -> list[str]:
    shop = await means.ledger.read("read_shop_status")
    sku, on = values["sku"], values["state"] == "on"
    if sku != EVERY_SKU and sku not in shop["skus"]:
        raise malformed("sku", "There is no such product.")
    chosen = sorted(shop["skus"]) if sku == EVERY_SKU else [sku]
    lines = [
        f"{shop['titles'].get(each) or each} ({each}) is {'on' if shop['skus'][each] else 'off'};"
        f" it will be {values['state']}."
        for each in chosen
    ]
    lines.append(
        "Purchases that wait for this can be claimed from the next claim on."
        if on
        else "From the next claim on it is refused with SKU_DISABLED. What was bought stays paid,"
        " and can be claimed once it is on again."
    )
    return lines


async def _switch_sku(means: Means, values: Values, order: Order) -> str:
    sku = None if values["sku"] == EVERY_SKU else values["sku"]
    await switch_sku(means.ledger, sku, values["state"] == "on", order.actor, order.reason)
    return f"{values['sku']} is {values['state']}."


def _percent(values: Values) -> int:
    text = values["percent"]
    if not (text.isascii() and text.isdigit()) or int(text[:9]) > 100:
        raise malformed("percent", "Open to must be a whole number from 0 to 100.")
    return int(text)


async def _plan_mode(means: Means, values: Values) -> list[str]:
    shop = await means.ledger.read("read_shop_status")
    percent = _percent(values)
    now = _in_words(shop["claims_mode"], shop["claims_open_percent"])
    lines = [f"Claims are {now} now.", f"They will be {_in_words(values['mode'], percent)}."]
    if values["mode"] == "queue":
        lines.append("Events of the stores are kept as well, until claims are opened again.")
    else:
        lines.append("What waits for the opening is carried out with the worker's next round.")
    return lines


def _in_words(mode: str, percent: object) -> str:
    if mode != "open" or percent == 100:
        return dict(_MODES).get(mode, mode)
    return f"granted at once to {percent} % of the users, the same each time, and queued for others"


async def _switch_mode(means: Means, values: Values, order: Order) -> str:
    mode, percent = values["mode"], _percent(values)
    value = {"mode": mode, "percent": percent}
    await set_store_config(means.ledger, "claims_mode", value, order.actor, order.reason)
    return f"Claims are {_in_words(mode, percent)}."


async def _plan_message(means: Means, values: Values) -> list[str]:
    before = (await means.ledger.read("read_shop_status"))["message"]
    return [
        f"Users read now: {before}" if before else "Users read no message now.",
        f"They will read: {values['text']}" if values["text"] else "They will read none.",
        "It stands in refusals of claims, on the shop's page, and at /status.",
    ]


async def _set_message(means: Means, values: Values, order: Order) -> str:
    value = {"text": values["text"]}
    await set_store_config(means.ledger, "status_message", value, order.actor, order.reason)
    return f"Users read: {values['text']}" if values["text"] else "Users read no message."


def _back(values: Values) -> str:
    return "console/switches"


DEGRADED = Task(
    "degraded",
    "Pause changes or let them go on",
    "In degraded mode nothing is written any more; reading goes on. It holds in every process.",
    (Field("state", "Changes will be", "choice", choices=_PAUSES),),
    _plan_degraded,
    _switch_degraded,
    _back,
)
SWITCH_SKU = Task(
    "switch-sku",
    "Turn a product on or off",
    "Claims of a product that is off are refused; what was bought stays paid.",
    (
        Field("sku", "Product", about=f"One product, or {EVERY_SKU}."),
        Field("state", "It will be", "choice", choices=_STATES),
    ),
    _plan_sku,
    _switch_sku,
    _back,
)
SHOP_MODE = Task(
    "shop-mode",
    "Open or queue claims",
    "While claims are queued they are accepted durably, and granted once they are opened again.",
    (
        Field("mode", "Claims are", "choice", choices=_MODES),
        Field("percent", "Open to", about="Percent of the users, when they are granted at once."),
    ),
    _plan_mode,
    _switch_mode,
    _back,
)
SHOP_MESSAGE = Task(
    "shop-message",
    "Tell users something",
    "One or two sentences that users of the shop read; empty takes the message away.",
    (Field("text", "Message", optional=True, length_max=MESSAGE_LENGTH_MAX),),
    _plan_message,
    _set_message,
    _back,
)
