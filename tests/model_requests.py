"""What the model test may ask for: requests of every verb, with places instead of ids.

Owners are 0 to 3; holds, transactions and rewards are counted from the latest back. The machine
puts the ids in. Amounts are small, so that requests meet each other often.
"""

from typing import Any

from hypothesis import strategies as st

ASSETS = ("credit", "gem")
OWNERS = 4
BAD_AMOUNTS = (0, -1, 1.5, 10**15 + 1, True, "5")

owners = st.integers(0, OWNERS - 1)
assets = st.sampled_from(ASSETS)
places = st.integers(0, 5)
# The first of what is sampled is what hypothesis likes best, so it is something that succeeds.
amounts: st.SearchStrategy[Any] = st.sampled_from([*range(1, 26), *range(1, 11), *BAD_AMOUNTS])
common: dict[str, st.SearchStrategy[Any]] = {
    "key": st.sampled_from([f"k{n}" for n in range(6)]),
    "principal": st.sampled_from(["user", "service"]),
    "reason": st.sampled_from(["rent", "Miete für März"]),
}
externals = st.fixed_dictionaries(
    {
        "provider": st.sampled_from(["stripe", "play"]),
        "account": st.just("main"),
        "mode": st.sampled_from(["live", "test"]),
        "id": st.sampled_from(["e1", "e2"]),
    }
)


def _verb(
    name: str,
    needed: dict[str, st.SearchStrategy[Any]],
    optional: dict[str, st.SearchStrategy[Any]] | None = None,
) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"verb": st.just(name), **needed}, optional={**common, **(optional or {})}
    )


_wallet: dict[str, st.SearchStrategy[Any]] = {"owner_id": owners, "asset": assets}
_moved: dict[str, st.SearchStrategy[Any]] = {**_wallet, "amount": amounts}

VERBS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "grant": _verb("grant", _moved, {"external": externals}),
    "spend": _verb("spend", _moved),
    "transfer": _verb("transfer", {**_moved, "to_owner_id": owners}),
    "hold": _verb("hold", _moved, {"expires_in_seconds": st.sampled_from([60, 600, 86400])}),
    "capture": _verb(
        "capture",
        {"hold_id": places},
        {
            "amount": amounts,
            "over_run": st.sampled_from(["reject", "cap", "overdraft"]),
            "final": st.booleans(),
            "to_owner_id": owners,
        },
    ),
    "release": _verb("release", {"hold_id": places}, {"amount": amounts}),
    "refund": _verb("refund", {"transaction_id": places}, {"amount": amounts}),
    "adjust": _verb(
        "adjust",
        {**_wallet, "amount": st.one_of(amounts, st.integers(-30, -1))},
        {"shortfall": st.sampled_from(["refuse", "debt"])},
    ),
    "freeze": _verb(
        "freeze",
        {
            **_wallet,
            "wallet_status": st.sampled_from(["open", "open", "frozen", "closed"]),
        },
    ),
}
requests = st.one_of(*VERBS.values())
batches = st.lists(requests, min_size=4, max_size=14)
purchases = st.lists(
    st.fixed_dictionaries(
        {
            "reward_id": st.integers(0, 3),
            "collector_id": owners,
            "caller": st.sampled_from(
                ["service", "collector", "service", "collector", "somebody else"]
            ),
        },
        optional={"key": common["key"], "expected_price": st.sampled_from([5, 10, 20])},
    ),
    min_size=2,
    max_size=6,
)
