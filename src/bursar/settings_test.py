"""Settings are read from the environment, under our names and under those that runbooks know."""

import pytest

from bursar.settings import Settings


@pytest.mark.parametrize("name", ["BURSAR_DEGRADED_MODE", "DEGRADED_MODE"])
@pytest.mark.parametrize(
    ("text", "degraded"),
    [("1", True), ("true", True), ("On", True), ("0", False), ("off", False), ("", False)],
)
def test_degraded_mode_goes_by_either_name(name: str, text: str, degraded: bool) -> None:
    assert Settings.from_environment({name: text}).is_degraded is degraded


def test_our_own_name_comes_first() -> None:
    both = {"BURSAR_DEGRADED_MODE": "off", "DEGRADED_MODE": "on"}
    assert not Settings.from_environment(both).is_degraded


def test_a_number_that_is_none_names_its_variable_and_not_its_value() -> None:
    with pytest.raises(ValueError, match=r"^BURSAR_WATCH_FREE_BYTES_MIN must be a whole number"):
        Settings.from_environment({"BURSAR_WATCH_FREE_BYTES_MIN": "much"})
