import msgspec
import pytest

from bursar.http.json_body import decode
from bursar.http.problem import ProblemError
from bursar.http.v1_bodies import Batch, Grant

GRANT = msgspec.json.Decoder(Grant)
START = b'{"owner_id":"o","asset":"credit","amount":1'


def complaint(body: bytes) -> ProblemError:
    with pytest.raises(ProblemError) as refused:
        decode(GRANT, body)
    assert (refused.value.status, refused.value.code) == (422, "MALFORMED")
    return refused.value


@pytest.mark.parametrize(
    "amount",
    [
        "true",
        '"1"',
        "1.5",
        "1.0",
        "1e3",
        "0",
        "-1",
        "1000000000000001",
        "1e400",
        "null",
        "[1]",
        "9" * 4000,
    ],
)
def test_an_amount_that_is_none_is_refused_by_name(amount: str) -> None:
    body = b'{"owner_id":"o","asset":"credit","amount":' + amount.encode() + b"}"
    refused = complaint(body)
    assert isinstance(refused.details, dict)
    if amount not in ("1e400", "9" * 4000):
        assert refused.details["field"] == "amount"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"{",
        b"{}",
        b"\xff",
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b'{"owner_id":"o","asset":"credit","amount":NaN}',
        b'{"owner_id":"o","asset":"credit","amount":Infinity}',
        START + b',"amount":1}',
        START + b',"metadata":{"a":1,"a":2}}',
        START + b',"metadata":{"a":{"b":1,"b":1}}}',
        START + b',"metadata":{"a":"\\u0000"}}',
        START + b',"metadata":{"\\u0000":1}}',
        START + b',"metadata":{"a":"\\ud800"}}',
        START + b',"metadata":{"a":"\\udc00x"}}',
        START + b',"metadata":{"a":1e400}}',
        START + b',"metadata":{"a":' + b"[" * 40 + b"]" * 40 + b"}}",
        START + b',"metadata":{"a":' + b"[" * 5000 + b"]" * 5000 + b"}}",
        START + b',"reason":"' + b"x" * 201 + b'"}',
        START + b',"surprise":1}',
        b'{"owner_id":"\xc3\xbc","asset":"credit","amount":1}',
        b'{"owner_id":"","asset":"credit","amount":1}',
        b'{"owner_id":"a\\nb","asset":"credit","amount":1}',
        b'{"owner_id":"o","asset":"Credit; --","amount":1}',
    ],
)
def test_a_body_with_two_meanings_or_none_is_refused(body: bytes) -> None:
    complaint(body)


def test_what_is_meant_is_read() -> None:
    grant = decode(GRANT, START + b',"metadata":{"a":"\\\\u0000 \\ud83d\\ude00"}}')
    assert (grant.amount, grant.metadata) == (1, {"a": "\\u0000 \N{GRINNING FACE}"})


def test_a_complaint_about_a_batch_says_which_request() -> None:
    body = b'{"requests":[{"verb":"grant","owner_id":"o","asset":"credit","amount":true}]}'
    with pytest.raises(ProblemError) as refused:
        decode(msgspec.json.Decoder(Batch), body)
    assert refused.value.details == {
        "field": "requests[0].amount",
        "problem": "Expected `int`, got `bool`.",
    }
