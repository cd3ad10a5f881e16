import math
from typing import Any

import msgspec
import pytest

from bursar.ledger.parcel import AMOUNT_MAX, Body, check

GOOD: dict[str, Any] = {"owner_id": "ada", "asset": "credit", "amount": 5}


def field_refused(verb: str, request: dict[str, Any]) -> str | None:
    checked = check(verb, request)
    if isinstance(checked, Body):
        return None
    assert (checked["status"], checked["code"]) == ("refused", "MALFORMED")
    assert checked["message"].startswith("MALFORMED: ")
    field: str = checked["details"]["field"]
    return field


@pytest.mark.parametrize(
    "amount",
    [0, -1, True, False, 1.0, 1.5, math.nan, math.inf, 1e400, "5", AMOUNT_MAX + 1, 2**70, [5]],
)
def test_an_amount_that_is_not_a_whole_number_in_range_is_malformed(amount: Any) -> None:
    assert field_refused("spend", {**GOOD, "amount": amount}) == "amount"


@pytest.mark.parametrize("amount", [1, AMOUNT_MAX])
def test_the_ends_of_the_range_are_amounts(amount: int) -> None:
    assert field_refused("spend", {**GOOD, "amount": amount}) is None


def test_only_an_adjustment_may_be_negative() -> None:
    assert field_refused("adjust", {**GOOD, "amount": -5}) is None
    assert field_refused("batch", {**GOOD, "verb": "adjust", "amount": -5}) is None
    assert field_refused("adjust", {**GOOD, "amount": 0}) == "amount"
    assert field_refused("batch", {**GOOD, "verb": "spend", "amount": -5}) == "amount"


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_json_has_not_is_malformed_wherever_it_stands(number: float) -> None:
    for more, field in (
        ({"expected_price": number}, "expected_price"),
        ({"expected_prices": {"a lead": number}}, "expected_prices.a lead"),
        ({"metadata": {"rates": [1.5, None, {"b": (2, number)}]}}, "metadata.rates[2].b[1]"),
        ({"input": {"tags": {number}}}, "input.tags[0]"),
    ):
        assert field_refused("purchase_reward", {**GOOD, **more}) == field


def test_nothing_and_every_other_number_may_stand_in_a_request() -> None:
    more = {"metadata": {"rates": [1.5, None, "null", 1e308, -0.0]}, "reason": None}
    assert field_refused("spend", {**GOOD, **more}) is None


@pytest.mark.parametrize("key", ["", "x" * 256, "naïve", "a\nb", "a\x00", 5])
def test_a_key_that_is_not_short_printable_ascii_is_malformed(key: Any) -> None:
    assert field_refused("spend", {**GOOD, "key": key}) == "key"


def test_a_request_without_a_key_gets_its_own_and_keeps_it() -> None:
    first, second = check("spend", GOOD), check("spend", {**GOOD, "key": None})
    assert isinstance(first, Body)
    assert isinstance(second, Body)
    assert first.key != second.key
    assert msgspec.json.decode(first.bytes)["key"] == first.key
    assert "key" not in GOOD


@pytest.mark.parametrize("metadata", [{"x": "\x00"}, {"x": "\\\x00"}, {"\x00": 1}, {"x": "\ud800"}])
def test_text_that_jsonb_cannot_hold_is_malformed(metadata: Any) -> None:
    assert field_refused("spend", {**GOOD, "metadata": metadata}) == "request"


def test_a_backslash_before_u0000_is_only_text() -> None:
    assert field_refused("spend", {**GOOD, "metadata": {"x": "\\u0000"}}) is None


def test_what_is_not_json_or_too_large_is_malformed() -> None:
    assert field_refused("spend", {**GOOD, "metadata": object()}) == "request"
    assert field_refused("spend", {**GOOD, "metadata": "x" * 1_100_000}) == "request"


def test_a_verb_is_a_plain_name() -> None:
    with pytest.raises(ValueError, match="lower-case"):
        check('spend"(1); --', GOOD)
