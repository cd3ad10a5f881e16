import pytest

from bursar.http.problem import ProblemError
from bursar.http.query import Column, Embedded, Filter, Order, parse


def test_a_store_fronts_query_is_read() -> None:
    query = parse(
        [
            ("select", "*,title:name,reward:rewards!inner(name,price:cost)"),
            ("cost", "lte.60"),
            ("name", "not.ilike.*a*"),
            ("id", 'in.(a,"b,\\"c",)'),
            ("is_active", "is.true"),
            ("order", "created_at.desc.nullslast,name"),
            ("limit", "10"),
            ("offset", "20"),
        ]
    )
    assert query.columns == (Column("*", "*"), Column("name", "title"))
    assert query.embedded == (
        Embedded(
            "rewards", "reward", None, True, (Column("name", "name"), Column("cost", "price"))
        ),
    )
    assert query.filters == (
        Filter("cost", "lte", False, ("60",)),
        Filter("name", "ilike", True, ("%a%",)),
        Filter("id", "in", False, ("a", 'b,"c')),
        Filter("is_active", "is", False, ("TRUE",)),
    )
    assert query.orders == (Order("created_at", True, False), Order("name", False, None))
    assert (query.limit, query.offset) == (10, 20)


def test_no_more_than_a_thousand_rows_are_given() -> None:
    assert parse([]).limit == 1000
    assert parse([("limit", "5000")]).limit == 1000


@pytest.mark.parametrize(
    ("header", "window"),
    [
        ("0-24", (25, 0)),
        ("10-", (1000, 10)),
        ("items=5-9", (5, 5)),
        ("", (1000, 0)),
        ("nonsense", (1000, 0)),
    ],
)
def test_a_range_header_is_a_window(header: str, window: tuple[int, int]) -> None:
    query = parse([], header)
    assert (query.limit, query.offset) == window


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("or", "(a.eq.1,b.eq.2)"),
        ("and", "(a.eq.1)"),
        ("rewards.name", "eq.x"),
        ("cost", "60"),
        ("cost", "near.60"),
        ("cost", "not.60"),
        ("cost", "is.1"),
        ("cost", "in.1,2"),
        ("cost", ""),
        ("id", 'in.("a)'),
        ("id", 'in.("a"b)'),
        ("select", "a->b"),
        ("select", "a::text"),
        ("select", "rewards(a(b))"),
        ("select", "rewards("),
        ("select", "rewards)"),
        ("select", "rewards()"),
        ("select", "a,b:a,a:b"),
        ("order", "a.sideways"),
        ("order", "a.b.c.d"),
        ("limit", "-1"),
        ("limit", "x"),
        ("limit", "9" * 20),
        ("offset", "1.5"),
        ("on_conflict", "id"),
        ("x" * 64, "eq.1"),
        ("select", "x" * 64),
        ("id", "in.(" + "1," * 1001 + "1)"),
        ("columns", ""),
    ],
)
def test_what_is_not_understood_is_refused_and_never_passed_over(name: str, value: str) -> None:
    with pytest.raises(ProblemError) as refused:
        parse([(name, value)])
    assert (refused.value.status, refused.value.code) == (400, "PGRST100")


def test_a_parameter_given_twice_is_refused() -> None:
    with pytest.raises(ProblemError):
        parse([("limit", "1"), ("limit", "2")])


def test_filters_on_one_column_add_up() -> None:
    assert len(parse([("cost", "gt.1"), ("cost", "lt.9")]).filters) == 2
