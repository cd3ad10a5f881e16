"""The scenarios of a smoke test: one purchase of each kind, and what the money says afterwards."""

import uuid

from bursar.ops.race import COST, Door, Finding, OneReward, Scenario, Stage, TwoWindows, at_once

_HELD = 100
_DOORS: tuple[Door, ...] = ("rpc", "v1")
# Enough to meet each other, and nobody notices them.
CLICKS = 8


class Success:
    """A collector with credits buys, through each door."""

    def __init__(self) -> None:
        self.finding = Finding(
            "success", "a purchase charges the price, pays the creator and is collected, once each"
        )

    async def play(self, stage: Stage) -> None:
        """Buy one reward through each door, with credits for just these."""
        collector = stage.owner()
        await stage.front.grant({collector: COST * len(_DOORS)})
        for bought, door in enumerate(_DOORS, 1):
            creator = stage.owner()
            reward = await stage.reward(creator)
            replies = await at_once(self.finding, [stage.front.buy(reward, collector, door=door)])
            if replies is None:
                return
            self.finding.expect(
                replies[0].code == "done", f"the purchase by {door} was answered {replies[0].code}"
            )
            await _look(self.finding, stage, collector, COST * (len(_DOORS) - bought))
            await _look(self.finding, stage, creator, COST)
            collected = await stage.front.collectors(reward)
            self.finding.expect(collected == 1, f"reward {reward} is recorded {collected} times")


class Insufficient:
    """A collector with one credit too few."""

    def __init__(self) -> None:
        self.finding = Finding(
            "insufficient", "one credit too few is refused with 402, and nothing is changed"
        )

    async def play(self, stage: Stage) -> None:
        """Try to buy through each door."""
        creator, collector = stage.owner(), stage.owner()
        reward = await stage.reward(creator)
        await stage.front.grant({collector: COST - 1})
        for door in _DOORS:
            replies = await at_once(self.finding, [stage.front.buy(reward, collector, door=door)])
            if replies is None:
                return
            reply = replies[0]
            self.finding.expect(
                (reply.code, reply.status) == ("INSUFFICIENT_FUNDS", 402),
                f"the purchase by {door} was answered {reply.status}, {reply.code}",
            )
        await _look(self.finding, stage, collector, COST - 1)
        collected = await stage.front.collectors(reward)
        self.finding.expect(collected == 0, f"reward {reward} is recorded {collected} times")


class Duplicate:
    """The same purchase again: under its key, and under another."""

    def __init__(self) -> None:
        self.finding = Finding(
            "duplicate",
            "the same key has the same outcome, another is ALREADY_COLLECTED; charged once",
        )

    async def play(self, stage: Stage) -> None:
        """Buy once, and twice more."""
        creator, collector, key = stage.owner(), stage.owner(), str(uuid.uuid4())
        reward = await stage.reward(creator)
        await stage.front.grant({collector: COST * 3})
        outcomes = []
        for one in (key, key, str(uuid.uuid4())):
            replies = await at_once(self.finding, [stage.front.buy(reward, collector, key=one)])
            if replies is None:
                return
            outcomes.append(replies[0])
        first, again, other = outcomes
        self.finding.expect(
            (first.code, again.code) == ("done", "done"),
            f"the same key was answered {first.code}, then {again.code}",
        )
        ids = [one.body.get("transaction_id") for one in (first, again)]
        self.finding.expect(ids[0] == ids[1], f"the same key had two transactions: {ids}")
        self.finding.expect(
            other.code == "ALREADY_COLLECTED", f"another key was answered {other.code}"
        )
        await _look(self.finding, stage, collector, COST * 2)
        await _look(self.finding, stage, creator, COST)


def scenarios() -> list[tuple[Scenario, int]]:
    """Return every scenario, and how often it is played."""
    two, many = TwoWindows(), OneReward()
    two.finding.scenario, many.finding.scenario = "concurrent", "concurrent, one reward"
    return [(Success(), 1), (Insufficient(), 1), (Duplicate(), 1), (two, 3), (many, 1)]


async def _look(finding: Finding, stage: Stage, owner: str, expected: int) -> None:
    """Expect a balance, and that its entries explain it."""
    found = await stage.front.explain(owner)
    balance = int(found.get("balance", 0))
    finding.expect(balance == expected, f"{owner} has {balance}, not {expected}")
    finding.expect(bool(found.get("agrees")), f"the wallet of {owner} does not agree")
