"""Nested forms, as the library writes them and as nobody should."""

import pytest

from bursar.stand_ins.stripe.api_error import ApiError
from bursar.stand_ins.stripe.form import DEPTH_MAX, FIELDS_MAX, Params, decode


def test_nested_names_become_nested_dictionaries() -> None:
    assert decode(b"a=1&b[c]=2&b[d][0][e]=3&f[]=x&f[]=y&g=%C3%A9+%26&h=") == {
        "a": "1",
        "b": {"c": "2", "d": {"0": {"e": "3"}}},
        "f": {"0": "x", "1": "y"},
        "g": "é &",
        "h": "",
    }


def test_rows_come_in_the_order_of_their_indices() -> None:
    text = "&".join(f"rows[{number}][n]={number}" for number in (10, 2, 0, 1))

    assert [row.text("n") for row in Params(decode(text.encode())).rows("rows")] == [
        "0",
        "1",
        "2",
        "10",
    ]


@pytest.mark.parametrize(
    "text",
    [
        b"a=1&a[b]=2",
        b"a[b]=2&a=1",
        b"[a]=1",
        b"a[b=1",
        b"a]b=1",
        b"=1",
        b"a" + b"[b]" * DEPTH_MAX + b"=1",
        b"&".join(b"a=1" for _ in range(FIELDS_MAX + 1)),
        b"a=%ff",
        b"\xff=1",
    ],
)
def test_what_is_no_form_is_refused(text: bytes) -> None:
    with pytest.raises(ApiError) as refusal:
        decode(text)

    assert refusal.value.status == 400


@pytest.mark.parametrize("value", ["1.5", "1e3", "٣", "", "-1", " 1", "9" * 19, "0x1"])
def test_a_number_is_whole_and_not_negative(value: str) -> None:
    with pytest.raises(ApiError):
        Params({"n": value}).number("n")


def test_a_row_that_is_no_object_is_refused() -> None:
    for text in (b"rows[0]=1", b"rows[x][n]=1", b"rows=1"):
        with pytest.raises(ApiError):
            list(Params(decode(text)).rows("rows"))


def test_metadata_keeps_its_keys_and_leaves_out_what_is_empty() -> None:
    params = Params(decode(b"metadata[0]=x&metadata[b]=&metadata[c]=y"))

    assert params.metadata() == {"0": "x", "c": "y"}
    many = "&".join(f"metadata[k{number}]=v" for number in range(51))
    with pytest.raises(ApiError):
        Params(decode(many.encode())).metadata()
