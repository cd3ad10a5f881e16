import httpx
import pytest

from bursar.errors import OutcomeUnknown
from bursar.http.postgrest_error import unavailable
from bursar.http.problem import ProblemError, as_postgrest, as_problem, of_unknown, refused
from bursar.remote_answer import leaves_open


def rendered(problem: ProblemError) -> list[httpx.Response]:
    """What our doors make of it: those of `/v1`, and those that speak as PostgREST does."""
    bodies = (as_problem(problem, "a request"), as_postgrest(problem))
    return [httpx.Response(problem.status, content=body) for body in bodies]


@pytest.mark.parametrize(
    "problem",
    [
        refused("BUSY"),
        refused("DEGRADED"),
        refused("APP_DOWN"),
        refused("RATE_LIMITED"),
        refused("INSUFFICIENT_FUNDS"),
        ProblemError(503, "UNAVAILABLE", "The database cannot be reached."),
        ProblemError(503, "PGRST003", "No connection to the database became free in time."),
        ProblemError(503, "55P03", "canceling statement due to lock timeout"),
        ProblemError(503, "53300", "sorry, too many clients already"),
        ProblemError(500, "FAULT", "Something failed on our side; it has been logged."),
        ProblemError(413, "BODY_TOO_LARGE", "The body is larger than 10 bytes."),
    ],
    ids=lambda problem: problem.code,
)
def test_a_word_of_ours_for_what_was_not_carried_out_proves_it(problem: ProblemError) -> None:
    assert [leaves_open(answer) for answer in rendered(problem)] == [False, False]


@pytest.mark.parametrize(
    "problem",
    [
        of_unknown(OutcomeUnknown("k")),
        of_unknown(OutcomeUnknown(None)),
        unavailable(),
        ProblemError(504, "TIMEOUT", "The request took too long."),
        ProblemError(503, "SOMETHING_NEW", "Said by a service of a later release."),
    ],
    ids=lambda problem: problem.code,
)
def test_a_word_of_ours_for_an_answer_that_was_lost_leaves_it_open(problem: ProblemError) -> None:
    assert [leaves_open(answer) for answer in rendered(problem)] == [True, True]


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504, 520, 524])
@pytest.mark.parametrize("content", [b"", b"Service Unavailable", b"<html>", b"[]", b'{"code":0}'])
def test_a_failure_that_is_not_in_our_words_leaves_it_open(status: int, content: bytes) -> None:
    assert leaves_open(httpx.Response(status, content=content))


@pytest.mark.parametrize("status", [200, 201, 400, 401, 404, 429])
def test_what_is_said_before_a_request_is_passed_on_proves_it(status: int) -> None:
    assert not leaves_open(httpx.Response(status, content=b"<html>"))
