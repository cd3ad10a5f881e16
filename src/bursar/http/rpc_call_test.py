import asyncio
from typing import Any

import pytest
from psycopg import sql

from bursar.http.conftest import Door
from bursar.http.rpc_test import error_of


async def test_only_the_schema_public_is_shown(door: Door) -> None:
    for path in ("purchase_reward", "create_reward"):
        answer = await door.client.post(
            f"/rest/v1/rpc/{path}", json={}, headers=door.service | {"content-profile": "bursar"}
        )
        error_of(answer, 406, "PGRST106")
    for name in ("grant", "bursar.grant", "pg_sleep", "set_config", "nothing", "x%22y", "%ff"):
        answer = await door.client.post(f"/rest/v1/rpc/{name}", json={}, headers=door.service)
        assert answer.status_code in (404, 422), answer.text


FUNCTIONS = """
CREATE FUNCTION public.t_scalar(p_a int, p_b int DEFAULT 2) RETURNS int
    LANGUAGE sql IMMUTABLE AS 'SELECT p_a + p_b';
CREATE FUNCTION public.t_void(p_note text) RETURNS void
    LANGUAGE sql VOLATILE AS 'INSERT INTO public.t_notes VALUES (p_note)';
CREATE TABLE public.t_notes (note text);
GRANT INSERT, SELECT ON public.t_notes TO service_role;
CREATE FUNCTION public.t_set(p_n int) RETURNS SETOF int
    LANGUAGE sql STABLE AS 'SELECT generate_series(1, p_n)';
CREATE FUNCTION public.t_table() RETURNS TABLE (a int, b text)
    LANGUAGE sql STABLE AS $$ SELECT 1, 'x' $$;
CREATE FUNCTION public.t_row(OUT a int, OUT b text) RETURNS record
    LANGUAGE sql STABLE AS $$ SELECT 1, 'x' $$;
CREATE FUNCTION public.t_json(p_value jsonb) RETURNS jsonb
    LANGUAGE sql STABLE AS 'SELECT p_value';
CREATE FUNCTION public.t_array(p_values int[]) RETURNS int
    LANGUAGE sql STABLE AS 'SELECT cardinality(p_values)';
CREATE FUNCTION public.t_who() RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('role', current_user, 'uid', auth.uid()) $$;
CREATE FUNCTION public.t_fail(p_state text) RETURNS int LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'it says no' USING ERRCODE = p_state, DETAIL = 'd', HINT = 'h'; END $$;
CREATE FUNCTION public.t_secret() RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
REVOKE ALL ON FUNCTION public.t_secret() FROM PUBLIC;
CREATE FUNCTION public.t_over(p_a int) RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
CREATE FUNCTION public.t_over(p_a text) RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
CREATE FUNCTION public.t_sneaky() RETURNS int LANGUAGE sql STABLE AS 'SELECT public.t_bump()';
CREATE FUNCTION public.t_bump() RETURNS int LANGUAGE sql VOLATILE
    AS $$ INSERT INTO public.t_notes VALUES ('bump') RETURNING 1 $$;
CREATE FUNCTION public."t Odd ""name"(p_a int) RETURNS int
    LANGUAGE sql STABLE AS 'SELECT p_a';
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO anon, authenticated, service_role;
REVOKE ALL ON FUNCTION public.t_secret() FROM anon, authenticated;
"""


@pytest.fixture
def functions(door: Door) -> Door:
    door.database.connect().execute("SET check_function_bodies = off; " + FUNCTIONS)
    return door


CALLS: tuple[tuple[Any, ...], ...] = (
    ("t_scalar", {"p_a": 1}, 3),
    ("t_scalar", {"p_a": 1, "p_b": 5}, 6),
    ("t_scalar", {"p_b": 5, "p_a": "1"}, 6),
    ("t_set", {"p_n": 3}, [1, 2, 3]),
    ("t_set", {"p_n": 0}, []),
    ("t_table", {}, [{"a": 1, "b": "x"}]),
    ("t_row", {}, {"a": 1, "b": "x"}),
    ("t_json", {"p_value": {"a": [1, None]}}, {"a": [1, None]}),
    ("t_json", {"p_value": None}, None),
    ("t_array", {"p_values": [1, 2]}, 2),
    ('t Odd "name', {"p_a": 7}, 7),
)


async def test_functions_are_called_by_name_and_answer_json(functions: Door) -> None:
    for name, arguments, result in CALLS:
        path = f"/rest/v1/rpc/{name}"
        answer = await functions.client.post(path, json=arguments, headers=functions.service)
        assert (answer.status_code, answer.json()) == (200, result), (name, answer.text)


async def test_a_function_that_returns_nothing_is_204(functions: Door) -> None:
    answer = await functions.client.post(
        "/rest/v1/rpc/t_void", json={"p_note": "hello"}, headers=functions.service
    )
    assert (answer.status_code, answer.content) == (204, b"")
    rows = functions.database.connect().execute("SELECT note FROM public.t_notes").fetchall()
    assert rows == [("hello",)]


async def test_functions_that_read_can_be_asked_with_get(functions: Door) -> None:
    ask = functions.client.get
    assert (await ask("/rest/v1/rpc/t_scalar?p_a=1&p_b=2")).json() == 3
    assert (await ask("/rest/v1/rpc/t_array?p_values={1,2,3}")).json() == 3
    assert (await ask('/rest/v1/rpc/t_json?p_value={"a":1}')).json() == {"a": 1}
    head = await functions.client.head("/rest/v1/rpc/t_scalar?p_a=1")
    assert (head.status_code, head.content) == (200, b"")
    error_of(await ask("/rest/v1/rpc/t_void?p_note=x"), 405, "25006")
    error_of(await ask("/rest/v1/rpc/t_scalar?p_a=x"), 400, "22P02")
    error_of(await ask("/rest/v1/rpc/t_scalar?p_a=1&p_a=2"), 400, "PGRST100")


async def test_a_result_is_not_shaped_rather_than_shown_whole(functions: Door) -> None:
    for query in ("select=a", "limit=1", "order=a", "offset=1"):
        for method in ("GET", "POST"):
            answer = await functions.client.request(method, f"/rest/v1/rpc/t_table?{query}")
            error_of(answer, 400, "PGRST100")
    answer = await functions.client.post("/rest/v1/rpc/t_table?select=*")
    assert answer.json() == [{"a": 1, "b": "x"}]


async def test_a_key_is_refused_where_it_could_not_be_honoured(functions: Door) -> None:
    keyed = functions.service | {"idempotency-key": "k"}
    answer = await functions.client.post("/rest/v1/rpc/t_void", json={"p_note": "x"}, headers=keyed)
    error_of(answer, 400, "PGRST100")
    answer = await functions.client.post("/rest/v1/rpc/t_who", headers=keyed)
    assert answer.status_code == 200


async def test_a_function_that_says_it_only_reads_cannot_write(functions: Door) -> None:
    for method in ("GET", "POST"):
        answer = await functions.client.request(
            method, "/rest/v1/rpc/t_sneaky", headers=functions.service
        )
        error_of(answer, 405, "25006")


async def test_the_role_and_subject_are_the_tokens_and_do_not_stay(functions: Door) -> None:
    async def who(headers: dict[str, str]) -> Any:
        return (await functions.client.post("/rest/v1/rpc/t_who", headers=headers)).json()

    user, me = functions.user()
    for _ in range(3):
        assert await who(me) == {"role": "authenticated", "uid": user}
        assert await who({}) == {"role": "anon", "uid": None}
        assert await who(functions.service) == {"role": "service_role", "uid": None}
    # supabase-js sends its key in both headers, and the user's token in Authorization alone.
    key = me["authorization"].removeprefix("Bearer ")
    assert await who({"apikey": key}) == {"role": "authenticated", "uid": user}
    service_key = functions.service["authorization"].removeprefix("Bearer ")
    assert (await who(me | {"apikey": service_key}))["role"] == "authenticated"


async def test_a_connection_is_nobodys_again_after_each_call(functions: Door) -> None:
    _, me = functions.user()
    for name in ("t_who", "t_fail"):
        arguments = {"p_state": "22023"} if name == "t_fail" else {}
        await functions.client.post(f"/rest/v1/rpc/{name}", json=arguments, headers=me)
        left = await functions.app._session.query(
            sql.SQL(
                "SELECT current_user = session_user,"
                " coalesce(current_setting('request.jwt.claims', true), '')"
            )
        )
        assert left == [(True, "")]


async def test_a_bad_token_is_never_taken_for_nobodys(functions: Door) -> None:
    for headers in (
        {"authorization": "Bearer x"},
        {"apikey": "x"},
        {"authorization": "Basic eDp5"},
        {"authorization": "Bearer "},
        {"authorization": "Bearer x", "apikey": "y"},
    ):
        answer = await functions.client.post("/rest/v1/rpc/t_who", headers=headers)
        error_of(answer, 401, "UNAUTHENTICATED")
        assert answer.headers["www-authenticate"].startswith("Bearer")


STATES: tuple[tuple[Any, ...], ...] = (
    ("P0001", 400),
    ("22P02", 400),
    ("23514", 400),
    ("23505", 409),
    ("23503", 409),
    ("42501", 403),
    ("PT402", 402),
    ("PT999", 500),
    ("UB050", 402),
    ("UB999", 500),
    ("55P03", 503),
    ("53300", 503),
    ("40001", 500),
    ("XX000", 500),
    ("P0004", 500),
    ("28000", 403),
    ("25006", 405),
    ("57014", 504),
)


async def test_the_status_follows_from_the_sqlstate(functions: Door) -> None:
    for sqlstate, status in STATES:
        answer = await functions.client.post(
            "/rest/v1/rpc/t_fail", json={"p_state": sqlstate}, headers=functions.service
        )
        body = error_of(answer, status, sqlstate)
        if status == 500:  # What nobody foresaw is logged and not shown.
            assert "it says no" not in answer.text
        elif sqlstate != "53300":
            assert (body["message"], body["details"], body["hint"]) == ("it says no", "d", "h")
        assert ("retry-after" in answer.headers) == (status == 503)


async def test_what_a_role_may_not_call_it_cannot(functions: Door) -> None:
    _, me = functions.user()
    for headers, status in ((me, 403), ({}, 401)):
        answer = await functions.client.post("/rest/v1/rpc/t_secret", headers=headers)
        error_of(answer, status, "42501")


async def test_overloads_are_not_guessed(functions: Door) -> None:
    answer = await functions.client.post("/rest/v1/rpc/t_over", json={"p_a": 1})
    error_of(answer, 300, "PGRST203")


async def test_one_object_is_given_when_it_is_asked_for(functions: Door) -> None:
    accept = {"accept": "application/vnd.pgrst.object+json"}
    one = await functions.client.post("/rest/v1/rpc/t_table", json={}, headers=accept)
    assert one.json() == {"a": 1, "b": "x"}
    many = await functions.client.post("/rest/v1/rpc/t_set", json={"p_n": 2}, headers=accept)
    error_of(many, 406, "PGRST116")
    error_of(
        await functions.client.post(
            "/rest/v1/rpc/t_set", json={"p_n": 2}, headers={"accept": "text/csv"}
        ),
        406,
        "PGRST107",
    )


async def test_a_new_function_is_found_without_a_restart(door: Door) -> None:
    path = "/rest/v1/rpc/t_late"
    error_of(await door.client.post(path, headers=door.service), 404, "PGRST202")
    door.database.connect().execute(
        "CREATE FUNCTION public.t_late() RETURNS int LANGUAGE sql STABLE AS 'SELECT 5';"
        " GRANT EXECUTE ON FUNCTION public.t_late() TO service_role"
    )
    await asyncio.sleep(1.1)
    assert (await door.client.post(path, headers=door.service)).json() == 5
