"""Guessing is bounded for strangers, and locks nobody out who is known."""

import pytest

from bursar.http.sign_in_attempts import (
    ADDRESS_MAX,
    DEVICE_MAX,
    EMPTIES_SECONDS,
    NAME_MAX,
    SignInAttempts,
    measures_of,
)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def attempts(clock: Clock) -> SignInAttempts:
    return SignInAttempts(clock)


def test_a_name_is_guessed_at_so_often_from_wherever(attempts: SignInAttempts) -> None:
    waits = [attempts.take(measures_of("Ada", f"192.0.2.{at}", None)) for at in range(NAME_MAX + 1)]

    assert waits[:NAME_MAX] == [0] * NAME_MAX
    assert 0 < waits[NAME_MAX] <= EMPTIES_SECONDS / NAME_MAX + 1
    assert attempts.take(measures_of("ADA", "198.51.100.1", None)) > 0
    assert attempts.take(measures_of("grace", "192.0.2.1", None)) == 0


def test_a_known_browser_is_not_kept_out_by_strangers(attempts: SignInAttempts) -> None:
    for _ in range(NAME_MAX * 2):
        attempts.take(measures_of("ada", "192.0.2.1", None))

    known = measures_of("ada", "192.0.2.1", "device-1")
    assert [attempts.take(known) for _ in range(DEVICE_MAX)] == [0] * DEVICE_MAX
    assert attempts.take(known) > 0


def test_an_address_is_bounded_over_all_names_and_a_network_is_one(
    attempts: SignInAttempts,
) -> None:
    for at in range(ADDRESS_MAX):
        assert attempts.take(measures_of(f"user-{at}", f"2001:db8::{at:x}", None)) == 0

    assert attempts.take(measures_of("another", "2001:db8::ffff", None)) > 0
    assert attempts.take(measures_of("another", "2001:db8:0:1::1", None)) == 0
    assert attempts.take(measures_of("yet-another", "not an address", None)) == 0


def test_time_and_success_empty_the_measure(attempts: SignInAttempts, clock: Clock) -> None:
    ada = measures_of("ada", "192.0.2.1", None)
    for _ in range(NAME_MAX):
        attempts.take(ada)
        attempts.give_back(ada)
    for _ in range(NAME_MAX):
        assert attempts.take(ada) == 0
    wait = attempts.take(ada)

    clock.now += wait
    assert attempts.take(ada) == 0
    assert attempts.take(ada) > 0
    clock.now += EMPTIES_SECONDS
    assert [attempts.take(ada) for _ in range(NAME_MAX)] == [0] * NAME_MAX
