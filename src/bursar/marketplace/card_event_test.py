"""Which events are believed: a grid of signatures, times, secrets, modes and bodies."""

import json
from typing import Any

import pytest
import stripe

from bursar.marketplace.card_event import SIGNATURE_BYTES_MAX, EventRefused, read_event
from bursar.settings import Settings

NOW = 1_800_000_000
NEW, OLD, FOREIGN = "whsec_new", "whsec_old", "whsec_of_somebody_else"


def event_of(**more: Any) -> dict[str, Any]:
    return {
        "id": "evt_1",
        "object": "event",
        "type": "charge.refunded",
        "created": NOW - 5,
        "livemode": False,
        "data": {"object": {"id": "ch_1", "amount_refunded": 10}},
        **more,
    }


def body_of(**more: Any) -> bytes:
    return json.dumps(event_of(**more), indent=2, ensure_ascii=False).encode()


def sign(body: bytes, secret: str = NEW, at: int = NOW) -> str:
    """The header as the library makes it."""
    header: str = stripe.WebhookSignature.generate_signature_header(body.decode(), secret, at)
    return header


def settings(
    secrets: str = NEW, key: str = "sk_test_x", tolerance: int = 300, **more: Any
) -> Settings:
    return Settings(
        stripe_webhook_secret=secrets,
        stripe_api_key=key,
        stripe_tolerance_seconds=tolerance,
        **more,
    )


def refusal(body: bytes, signature: str, chosen: Settings, now: float = NOW) -> EventRefused:
    with pytest.raises(EventRefused) as raised:
        read_event(body, signature, chosen, now)
    assert raised.value.sentence == str(raised.value)
    assert raised.value.sentence.endswith(".")
    assert "whsec" not in raised.value.sentence
    return raised.value


def test_a_signed_event_is_returned_whole() -> None:
    body = body_of(extra={"ü": [1, 2.5, None, True]})

    assert read_event(body, sign(body), settings(), NOW) == json.loads(body)


@pytest.mark.parametrize(
    ("age", "tolerance", "accepted"),
    [
        (0, 300, True),
        (299, 300, True),
        (300, 300, True),
        (301, 300, False),
        (-299, 300, True),
        (-300, 300, True),
        (-301, 300, False),
        (4 * 86_400, 300, False),
        (-4 * 86_400, 300, False),
        (0, 0, True),
        (1, 0, False),
        (-1, 0, False),
        (4 * 86_400, 0, False),
    ],
)
def test_a_signature_is_as_old_or_as_early_as_the_tolerance_allows(
    age: int, tolerance: int, accepted: bool
) -> None:
    body = body_of()
    signature, chosen = sign(body, at=NOW - age), settings(tolerance=tolerance)

    if accepted:
        assert read_event(body, signature, chosen, NOW)["id"] == "evt_1"
    else:
        found = refusal(body, signature, chosen)
        assert found.code == "SIGNATURE_INVALID"
        assert ("future" if age < 0 else "ago") in found.sentence


def test_the_edge_of_the_tolerance_is_exact() -> None:
    body = body_of()

    assert read_event(body, sign(body), settings(), NOW + 300.0)
    assert refusal(body, sign(body), settings(), NOW + 300.001).code == "SIGNATURE_INVALID"
    assert read_event(body, sign(body), settings(), NOW - 300.0)
    assert refusal(body, sign(body), settings(), NOW - 300.001).code == "SIGNATURE_INVALID"


@pytest.mark.parametrize(
    ("configured", "signed_with", "accepted"),
    [
        (NEW, [NEW], True),
        (NEW, [FOREIGN], False),
        (f"{NEW},{OLD}", [NEW], True),
        (f"{NEW},{OLD}", [OLD], True),
        (f"{NEW},{OLD}", [OLD, NEW], True),
        (f"{NEW},{OLD}", [FOREIGN], False),
        (f" {NEW} , {OLD} ,", [OLD], True),
        (NEW, [OLD, NEW], True),
        (OLD, [FOREIGN] * 20 + [OLD], True),
        (NEW, [FOREIGN, OLD], False),
        (f"{NEW},", [""], False),
        (f",{NEW}", [" "], False),
    ],
)
def test_any_of_our_secrets_may_have_signed(
    configured: str, signed_with: list[str], accepted: bool
) -> None:
    body = body_of()
    marks = [sign(body, secret).partition(",")[2] for secret in signed_with]
    signature = ",".join([f"t={NOW}", *marks])

    if accepted:
        assert read_event(body, signature, settings(configured), NOW)
    else:
        assert refusal(body, signature, settings(configured)).code == "SIGNATURE_INVALID"


@pytest.mark.parametrize("configured", ["", " ", ",", " , ,"])
def test_without_a_secret_nothing_is_believed(configured: str) -> None:
    body = body_of()

    for secret in ("", " ", NEW):
        found = refusal(body, sign(body, secret), settings(configured))
        assert found.code == "SIGNATURE_INVALID"
        assert "BURSAR_STRIPE_WEBHOOK_SECRET" in found.sentence


def test_one_changed_byte_anywhere_is_noticed() -> None:
    body = json.dumps(event_of()).encode()
    signature = sign(body)

    for place in range(len(body)):
        for changed in (body[place] ^ 1, body[place] ^ 0x80, 0x20 if body[place] != 0x20 else 0x09):
            other = body[:place] + bytes([changed]) + body[place + 1 :]
            assert refusal(other, signature, settings()).code == "SIGNATURE_INVALID"
    for other in (body[:-1], body + b" ", b" " + body, b"", b"\xef\xbb\xbf" + body):
        assert refusal(other, signature, settings()).code == "SIGNATURE_INVALID"


def test_one_changed_character_of_the_header_is_noticed() -> None:
    body = body_of()
    signature = sign(body)

    for place in range(len(signature)):
        other = signature[:place] + chr(ord(signature[place]) ^ 1) + signature[place + 1 :]
        assert refusal(body, other, settings()).code == "SIGNATURE_INVALID"


_MARK = sign(body_of()).partition("v1=")[2]


@pytest.mark.parametrize(
    "signature",
    [
        "",
        " ",
        "nonsense",
        f"v1={_MARK}",
        f"t={NOW}",
        f"t={NOW},v0={_MARK}",
        f"t={NOW},v1=",
        f"t=,v1={_MARK}",
        f"t=now,v1={_MARK}",
        f"t=-{NOW},v1={_MARK}",
        f"t=+{NOW},v1={_MARK}",
        f"t={NOW}.0,v1={_MARK}",
        f"t=1_800_000_000,v1={_MARK}",
        f"t= {NOW},v1={_MARK}",
        f"T={NOW},V1={_MARK}",
        f"t={NOW},t={NOW},v1={_MARK}",
        f"t={NOW - 9999},v1={_MARK},t={NOW}",
        f"t={NOW},v1={_MARK}é",
        f"t={NOW};v1={_MARK}",
        f"t={10**400},v1={_MARK}",
        f"t={NOW},v1={_MARK}," + "v1=0," * SIGNATURE_BYTES_MAX,
        "x" * 10_000_000,
    ],
)
def test_a_header_that_is_none_is_refused(signature: str) -> None:
    assert refusal(body_of(), signature, settings()).code == "SIGNATURE_INVALID"


@pytest.mark.parametrize(
    ("key", "live", "accepted"),
    [
        ("sk_live_x", True, True),
        ("rk_live_x", True, True),
        ("sk_live_x", False, False),
        ("rk_live_x", False, False),
        ("sk_test_x", False, True),
        ("sk_test_x", True, False),
        ("", False, True),
        ("", True, False),
    ],
)
def test_an_event_is_of_the_mode_of_our_key(key: str, live: bool, accepted: bool) -> None:
    body = body_of(livemode=live)

    if accepted:
        assert read_event(body, sign(body), settings(key=key), NOW)["livemode"] is live
    else:
        assert refusal(body, sign(body), settings(key=key)).code == "MODE_MISMATCH"


def test_what_is_not_signed_is_refused_for_that_whatever_else_is_wrong() -> None:
    body = body_of(livemode=True, id=None)

    assert refusal(body, sign(body, FOREIGN), settings()).code == "SIGNATURE_INVALID"


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": None},
        {"id": ""},
        {"id": 7},
        {"id": "x" * 256},
        {"id": "evt 1"},
        {"id": "evt_é"},
        {"type": None},
        {"type": {}},
        {"type": "x" * 101},
        {"created": None},
        {"created": "now"},
        {"created": True},
        {"created": -1},
        {"created": 1.5},
        {"created": 32_503_680_001},
        {"created": 10**30},
        {"livemode": None},
        {"livemode": "false"},
        {"livemode": 0},
        {"data": None},
        {"data": []},
        {"data": {}},
        {"data": {"object": None}},
        {"data": {"object": [1]}},
        {"data": {"object": {"note": "a\x00b"}}},
    ],
)
def test_a_signed_body_that_is_no_event_is_malformed(wrong: dict[str, Any]) -> None:
    body = body_of(**wrong)

    assert refusal(body, sign(body), settings()).code == "MALFORMED"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        '"evt"',
        "{",
        "{'id': 1}",
        "[" * 100_000,
        json.dumps(event_of(amount=float("nan"))),
        json.dumps(event_of(amount=float("inf"))),
        json.dumps(event_of(note="\ud800")),
        json.dumps(event_of()) + "{}",
    ],
)
def test_a_signed_body_that_cannot_be_read_is_malformed(text: str) -> None:
    assert refusal(text.encode(), sign(text.encode()), settings()).code == "MALFORMED"


def test_an_escaped_backslash_before_u0000_is_only_text() -> None:
    body = body_of(note="a\\u0000b")

    assert read_event(body, sign(body), settings(), NOW)["note"] == "a\\u0000b"


def test_an_event_with_only_its_required_fields_will_do() -> None:
    event = {
        "id": "evt_1",
        "type": "x.y",
        "created": 0,
        "livemode": False,
        "data": {"object": {}},
    }
    body = json.dumps(event).encode()

    assert read_event(body, sign(body), settings(), NOW) == event
