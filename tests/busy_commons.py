"""A community in which a little of everything has happened."""

from tests.commons import ASSET, SERVICE, ask, new_member, posted, react, score
from tests.ledger_in_sql import Ledger, done


def mingle(ledger: Ledger) -> None:
    """Posts with reactions, one of them deleted; scores; a boost that was paid for."""
    author, fan, player = (new_member(ledger) for _ in range(3))
    kept, gone = posted(ledger, author), posted(ledger, author)
    for post_id, kind in ((kept, "love"), (kept, "wow"), (gone, "like")):
        assert done(react(ledger, fan, post_id, kind))["amount"] == 1
    done(react(ledger, author, kept))  # one's own, worth nothing
    done(ask(ledger, "delete_post", post_id=gone, user_id=author))
    assert done(score(ledger, player, 600))["amount"] == 4
    done(score(ledger, player, 90))
    done(ledger.one("grant", owner_id=author, asset=ASSET, amount=10, reason="welcome"))
    boost = {"post_id": kept, "user_id": author, "caller": SERVICE, "key": "boost-1"}
    done(ledger.one("boost_post", **boost))
