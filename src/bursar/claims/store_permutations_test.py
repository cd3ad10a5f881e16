"""Events of the store in every order: what they come to depends on which there are, no more."""

import itertools
from collections.abc import Iterable
from datetime import timedelta

import pytest

from tests.ledger_in_sql import NOON, Ledger, done
from tests.sale import Event, Sale, new_user, transfer
from tests.shop import (
    SERVICE,
    claim,
    claims_of,
    new_item,
    owed,
    purchase_of,
    take,
    unclean,
    wallet,
)

pytestmark = pytest.mark.postgres_versions("15", "18")

# In the order of the store's clock.
PURCHASE, GRANT, REFUND, TRANSFER, UNKNOWN, REVERSAL, EXPIRATION = "PGRTUVE"
# What tells that there was a purchase, and who bought it.
TELLING = {PURCHASE, REFUND, REVERSAL}
MAIN = (PURCHASE, REFUND, TRANSFER, REVERSAL)
Set = Iterable[str]


class Story:
    """One transaction of a buyer, and an heir to whom it may be transferred."""

    def __init__(self, ledger: Ledger, item: str) -> None:
        self.ledger = ledger
        self.heir = new_user()
        self.sale = Sale(sku=item)
        self.events: dict[str, Event] = {
            PURCHASE: self.sale.purchase(0),
            GRANT: self.sale.temporary_grant(1),
            REFUND: self.sale.refund(3600),
            TRANSFER: transfer([self.sale.user_id], [self.heir], NOON + timedelta(seconds=5400)),
            UNKNOWN: self.sale.event("SOMETHING_NEW", 6000),
            REVERSAL: self.sale.reversal(7200),
            EXPIRATION: self.sale.expiration(86400),
        }

    def take(self, names: Set) -> None:
        for name in names:
            done(take(self.ledger, self.events[name]))

    def owner(self) -> str | None:
        """Who owns it, if it is known at all."""
        found = purchase_of(self.ledger, self.sale.tx_id)
        if found is None:
            return None
        return {self.sale.user_id: "buyer", self.heir: "heir"}[found[0]]

    def facts(self) -> str:
        """All that is known of the purchase, without names."""
        told = str(
            self.ledger.rows(
                "SELECT to_jsonb(a) - ARRAY['tx_id', 'created_at', 'raw'], a.raw ->> 'type'"
                " FROM public.audit_purchases AS a WHERE tx_id = %s",
                self.sale.tx_id,
            )
        )
        told = told.replace(self.sale.user_id, "buyer").replace(self.heir, "heir")
        anonymous = self.sale.purchase()["original_app_user_id"]
        return told.replace(anonymous, "anonymous")

    def holdings(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Shields and debts of the buyer and of the heir."""
        users = (self.sale.user_id, self.heir)
        first, second = ((wallet(self.ledger, u)[0], owed(self.ledger, u)) for u in users)
        return first, second


def refunded(names: Set) -> bool:
    return REFUND in names and REVERSAL not in names


def claimable(names: Set, claimer: str) -> bool:
    """Whether a claim is granted when so many events are known."""
    owner = "heir" if TRANSFER in names else "buyer"
    return bool(TELLING & set(names)) and owner == claimer and not refunded(names)


@pytest.fixture(scope="module")
def item(ledger: Ledger) -> str:
    return new_item(ledger.admin)


def test_what_is_known_of_a_purchase_depends_on_the_set_of_its_events(
    ledger: Ledger, item: str
) -> None:
    events = (PURCHASE, GRANT, REFUND, TRANSFER, UNKNOWN, REVERSAL, EXPIRATION)
    sets = [s for size in (1, 2, 3) for s in itertools.combinations(events, size)]
    for names in [*sets, MAIN]:
        found = set()
        for order in itertools.permutations(names):
            story = Story(ledger, item)
            story.take(order)
            found.add(story.facts())
        assert len(found) == 1, (names, found)


def test_what_is_known_is_what_the_store_said(ledger: Ledger, item: str) -> None:
    expected = {
        (PURCHASE,): ("NON_RENEWING_PURCHASE", False, False),
        (GRANT,): ("TEMPORARY_ENTITLEMENT_GRANT", False, True),
        (GRANT, EXPIRATION): ("EXPIRATION", False, True),
        (GRANT, UNKNOWN): ("TEMPORARY_ENTITLEMENT_GRANT", False, True),
        (GRANT, PURCHASE): ("TEMPORARY_ENTITLEMENT_GRANT", False, False),
        (PURCHASE, REFUND): ("CANCELLATION", True, False),
        (REFUND,): ("CANCELLATION", True, False),
        (REVERSAL,): ("REFUND_REVERSED", False, False),
        (PURCHASE, REFUND, REVERSAL): ("REFUND_REVERSED", False, False),
        (PURCHASE, EXPIRATION): ("EXPIRATION", False, False),
    }
    for names, facts in expected.items():
        story = Story(ledger, item)
        story.take(names)
        found = purchase_of(ledger, story.sale.tx_id)
        assert found is not None
        assert found[2:] == facts, names


def test_the_same_in_one_batch_and_twice(ledger: Ledger, item: str) -> None:
    singly = Story(ledger, item)
    singly.take(MAIN)
    for order in itertools.permutations(MAIN):
        story = Story(ledger, item)
        events = [{"event": story.events[name]} for name in [*order, *reversed(order)]]

        outcomes = ledger.ask("take_store_event", events)

        assert [done(o)["replayed"] for o in outcomes] == [False] * 4 + [True] * 4
        assert story.facts() == singly.facts()


@pytest.mark.parametrize("claimer", ["buyer", "heir"])
@pytest.mark.parametrize("uses", [False, True])
def test_a_claim_at_every_place_ends_as_the_sets_before_and_after_it_say(
    ledger: Ledger, item: str, claimer: str, uses: bool
) -> None:
    sizes = (4,) if uses else (0, 1, 2, 3, 4)
    sets = [s for size in sizes for s in itertools.combinations(MAIN, size)]
    for names in sets:
        for order in itertools.permutations(names):
            for place in range(len(order) + 1):
                story = Story(ledger, item)
                user = story.sale.user_id if claimer == "buyer" else story.heir
                story.take(order[:place])
                outcome = claim(ledger, story.sale, user)
                granted = outcome["status"] == "done"
                if granted and uses:
                    done(ledger.one("use_item", user_id=user, caller=SERVICE))
                story.take(order[place:])

                assert granted == claimable(order[:place], claimer), (order, place, outcome)
                check_end(story, user, names, granted, uses)
    assert unclean(ledger) == []


def check_end(story: Story, user: str, names: Set, granted: bool, uses: bool) -> None:
    """What was granted is taken back where it was refunded in the end; what was used is owed."""
    owner = "heir" if TRANSFER in names else "buyer"
    assert story.owner() == (owner if TELLING & set(names) else None)
    claims = claims_of(story.ledger, story.sale.tx_id)
    if not granted:
        assert claims == []
        assert story.holdings() == ((0, 0), (0, 0))
        return
    assert [(c[0], c[2]) for c in claims] == [(user, "refunded" if refunded(names) else "granted")]
    held = (int(not uses and not refunded(names)), int(uses and refunded(names)))
    other = (0, 0)
    assert story.holdings() == ((held, other) if user == story.sale.user_id else (other, held))
