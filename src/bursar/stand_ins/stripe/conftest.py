"""One stand-in for the tests of a file, its webhook, and the stock library to drive it with."""

from collections.abc import Iterator

import pytest
import stripe

from bursar.stand_ins.stripe.process import StandIn
from tests import stand_in as staged


@pytest.fixture(scope="module")
def _webhook() -> Iterator[staged.Mailbox]:
    with staged.mailbox() as made:
        yield made


@pytest.fixture(scope="module")
def _process(_webhook: staged.Mailbox) -> Iterator[StandIn]:
    with staged.stand_in(_webhook.url) as made:
        yield made


@pytest.fixture
def mailbox(_webhook: staged.Mailbox) -> staged.Mailbox:
    """The webhook, empty."""
    _webhook.arrivals.clear()
    _webhook.answers.clear()
    return _webhook


@pytest.fixture
def company(_process: StandIn, mailbox: staged.Mailbox) -> Iterator[StandIn]:
    """The stand-in, with nothing wrong, which posts to `mailbox`."""
    yield _process
    _process.ask("DELETE", "/_faults")
    _process.ask("DELETE", "/_clock")


@pytest.fixture(scope="module")
def client(_process: StandIn) -> Iterator[stripe.StripeClient]:
    """The stock library, with the right key."""
    with staged.stock_client(_process.address) as made:
        yield made
