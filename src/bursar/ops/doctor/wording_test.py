"""What says the same is the same; what does not is not."""

import pytest

from bursar.ops.doctor.wording import same


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CHECK ((((a >= 1) AND (a <= 2)) AND b))", "CHECK (((a >= 1) AND (a <= 2) AND b))"),
        ("((a OR b) OR (c OR (d OR e)))", "(a OR b OR c OR d OR e)"),
        ("FROM ( VALUES (1,'(x AND y) AND z'))", "FROM (VALUES (1,'(x AND y) AND z'))"),
        (["(a)", "((b AND c) AND d)"], ["(a)", "(b AND c AND d)"]),
        (
            "(x = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[]))",
            "(x = ANY (ARRAY[('a'::character varying)::text, ('b'::character varying)::text]))",
        ),
        ("CASE WHEN ((a AND b) AND c) THEN 1 END", "CASE WHEN (a AND b AND c) THEN 1 END"),
    ],
)
def test_renderings_of_one_thing_are_the_same(one: object, other: object) -> None:
    assert same(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("((a OR b) AND c)", "(a OR b AND c)"),
        ("((a AND b) OR c)", "(a AND (b OR c))"),
        ("(NOT (a AND b) AND c)", "(NOT a AND b AND c)"),
        ("(x = '(a AND b) AND c')", "(x = '(a AND b AND c)')"),
        ("(a >= 1)", "(a >= 2)"),
        ('("a b")', '("a  b")'),
        ("((a)::text = 'x')", "((a)::integer = 'x')"),
        (["(a)"], ["(a)", "(b)"]),
        (None, "(a)"),
    ],
)
def test_what_differs_stays_different(one: object, other: object) -> None:
    assert not same(one, other)
