"""Wallets are found by their owner, by an id of what moved them, and by when they moved."""

import re
from urllib.parse import urlencode

import psycopg

from bursar.console.conftest import Desk
from tests import market, shop, studio
from tests.grown import tell_what_was_read
from tests.ledger_in_sql import Ledger, done
from tests.sale import new_user

_ROW = re.compile(r'href="\.\./(console/wallet\?[^"]+)"')
_FURTHER = re.compile(r'href="\.\./(console/wallets\?[^"]+)" rel="next"')


def _gems(ledger: Ledger, *owners: str) -> None:
    ledger.register_gem()
    for owner in owners:
        done(ledger.one("grant", owner_id=owner, asset="gem", amount=3))


def _found(desk: Desk) -> list[str]:
    return [address.replace("&amp;", "&") for address in _ROW.findall(desk.page)]


def _gem_page(owner: str) -> str:
    return "console/wallet?" + urlencode({"owner_id": owner, "asset": "gem"})


async def _turn_pages(desk: Desk, first: str) -> list[list[str]]:
    """The wallets on each page, in order."""
    pages, path = [], first
    while path:
        await desk.look(f"/{path}")
        pages.append(_found(desk))
        further = _FURTHER.search(desk.page)
        path = further[1].replace("&amp;", "&") if further else ""
    return pages


async def test_an_empty_console_says_what_would_be_there(desk: Desk) -> None:
    await desk.sign_in()
    assert "No wallet has moved yet" in await desk.look("/console/wallets")
    assert "No owner begins with this" in await desk.look("/console/wallets?q=nobody")


async def test_the_beginning_of_an_owners_id_is_enough(desk: Desk) -> None:
    _gems(desk.ledger, "ada@example.org", "adam@example.org", "bob@example.org")
    await desk.sign_in()

    said = await desk.look("/console/wallets?q=ada")
    assert _found(desk) == [_gem_page("ada@example.org"), _gem_page("adam@example.org")]
    assert "gem 3 0 0 open" in said
    await desk.look("/console/wallets?q=ada%40example.org")
    assert _found(desk) == [_gem_page("ada@example.org")]
    assert "No owner begins with this" in await desk.look("/console/wallets?q=da")


async def test_a_uuid_is_found_in_whatever_letters_and_by_asset(desk: Desk) -> None:
    owner = desk.ledger.funded(40)
    done(desk.ledger.one("grant", owner_id=owner, asset=market.ASSET, amount=9))
    await desk.sign_in()

    await desk.look(f"/console/wallets?q={owner.upper()}")
    assert len(_found(desk)) == 2
    await desk.look(f"/console/wallets?q={owner[:13]}&asset=credit")
    assert _found(desk) == [f"console/wallet?owner_id={owner}&asset=credit"]


async def test_a_wallet_that_never_moved_is_found_by_its_whole_id(desk: Desk) -> None:
    owner = "11111111-2222-4333-8444-555555555555"
    desk.ledger.admin.execute("INSERT INTO user_credits (user_id) VALUES (%s)", [owner])
    await desk.sign_in()

    said = await desk.look(f"/console/wallets?q={owner}")

    assert len(_found(desk)) == 1
    assert "never" in said


async def test_what_is_looked_for_is_taken_as_it_is(desk: Desk) -> None:
    odd = ("50%_off", "o'brien", 'say "hi"', "a\\b", "<b>bold</b>", "x; DROP TABLE y", "%20&q=1+2")
    _gems(desk.ledger, *odd, "50 off", "obrien", "a", "b", "ab", "x", "<b")
    await desk.sign_in()

    for owner in odd:
        await desk.look("/console/wallets?" + urlencode({"q": owner}))
        assert _found(desk) == [_gem_page(owner)], owner
        assert "<b>bold" not in desk.page


async def test_what_is_no_text_is_refused_with_a_sentence(desk: Desk) -> None:
    await desk.sign_in()
    for query in ("q=" + "x" * 256, "q=a%00b", "before_id=x", "before_id=" + "9" * 30):
        assert "MALFORMED" in await desk.look(f"/console/wallets?{query}", 422)


async def test_an_id_of_what_moved_a_wallet_leads_to_it(desk: Desk) -> None:
    ledger = desk.ledger
    moved = done(ledger.one("grant", owner_id=ledger.funded(1), asset="credit", amount=2))
    buyer = ledger.funded(100, market.ASSET)
    bought = done(market.buy(ledger, buyer, market.leads(ledger.admin, [30])))
    claimed = shop.claimed(ledger, new_user())
    artist = studio.new_artist(ledger)
    job = studio.submitted(ledger, artist)
    await desk.sign_in()

    for looked_for, said, owner in (
        (moved["transaction_id"], f"Transaction {moved['transaction_id']}: grant", None),
        (bought["purchase_id"], "A purchase of leads", buyer),
        (claimed.tx_id, "A claim in the shop", claimed.user_id),
        (job, "A generation job", artist),
    ):
        assert said in await desk.look(f"/console/wallets?q={looked_for}")
        assert owner is None or f"console/wallets?q={owner}" in desk.page


async def test_turning_pages_by_owner_meets_each_wallet_once_while_more_move(desk: Desk) -> None:
    ledger = desk.ledger
    names = [f"owner-{number:03}" for number in range(120)]
    _gems(ledger, *names)
    await desk.sign_in()

    await desk.look("/console/wallets?q=owner-")
    pages = [_found(desk)]
    while further := _FURTHER.search(desk.page):
        _gems(ledger, *names[::7], f"owner-{len(pages):03}b")
        await desk.look("/" + further[1].replace("&amp;", "&"))
        pages.append(_found(desk))

    seen = [address for one in pages for address in one]
    assert [len(one) for one in pages[:2]] == [50, 50]
    assert len(seen) == len(set(seen))
    assert {_gem_page(name) for name in names} <= set(seen)


async def test_turning_pages_by_time_meets_each_wallet_once_while_more_move(desk: Desk) -> None:
    ledger = desk.ledger
    names = [f"owner-{number:03}" for number in range(120)]
    _gems(ledger, *names)
    await desk.sign_in()

    await desk.look("/console/wallets?asset=gem")
    pages = [_found(desk)]
    while further := _FURTHER.search(desk.page):
        # Those at the end of the list move to its front, and new ones come.
        _gems(ledger, *names[:40], f"new-{len(pages)}")
        await desk.look("/" + further[1].replace("&amp;", "&"))
        pages.append(_found(desk))

    assert [address for one in pages for address in one] == [_gem_page(n) for n in names[::-1]]


async def test_a_wallet_that_moves_all_the_time_hides_no_other(desk: Desk) -> None:
    ledger = desk.ledger
    _gems(ledger, "quiet")
    for _ in range(3):
        ledger.ask("grant", [{"owner_id": "loud", "asset": "gem", "amount": 1}] * 700)
    await desk.sign_in()

    pages = await _turn_pages(desk, "console/wallets")

    assert [one for one in pages if one] == [[_gem_page("loud")], [_gem_page("quiet")]]


async def test_no_search_reads_more_than_it_shows(desk: Desk) -> None:
    """At 20,000 wallets, by plans that were made while there was one."""
    ledger = desk.ledger
    _gems(ledger, "owner-00000")
    session = ledger.database.connect("service_role")
    session.execute("SET plan_cache_mode = force_generic_plan")

    def look(text: str | None) -> None:
        if text is None:
            session.execute("SELECT bursar.list_moved_wallets('gem')")
        else:
            session.execute("SELECT bursar.find_wallets(%s, 'gem')", [text])

    for text in ("owner-", None):
        look(text)
    _fill(ledger)

    for text, rows_max in (("owner-1", 3_000), ("zzz", 3_000), ("own", 3_000), (None, 12_000)):
        before = _read(ledger, session)
        look(text)
        after = _read(ledger, session)
        for name in after:
            assert after[name] - before[name] < rows_max, (text, name)


def _fill(ledger: Ledger) -> None:
    """Give 20,000 owners a wallet and an entry, as the ledger would have written them."""
    ledger.admin.execute(
        """
        WITH owners AS (SELECT n, 'owner-' || n AS owner_id FROM generate_series(1, 20000) AS n),
        ids AS (INSERT INTO bursar.transaction (verb, asset, owner_id, amount, reason, actor,
                created_at)
            SELECT 'grant', 'gem', owner_id, 1, 'growth', 'growth', now() FROM owners
            RETURNING id, owner_id),
        wallets AS (INSERT INTO bursar.wallet (asset, owner_id, balance, bursar_seq)
            SELECT 'gem', owner_id, 1, 1 FROM owners)
        INSERT INTO bursar.entry (transaction_id, line, asset, owner_id, amount, seq, balance_after,
            bucket) SELECT id, 1, 'gem', owner_id, 1, 1, 1, 'granted' FROM ids
        """
    )
    ledger.admin.execute("ANALYZE bursar.entry, bursar.transaction, bursar.wallet")


def _read(ledger: Ledger, session: psycopg.Connection) -> dict[str, int]:
    """Rows read so far, by sequential scans and by each index."""
    tell_what_was_read(ledger, session)
    return dict(
        ledger.rows(
            "SELECT relname::text, seq_tup_read FROM pg_stat_user_tables"
            " WHERE schemaname = 'bursar'"
            " UNION ALL SELECT indexrelname::text, idx_tup_read FROM pg_stat_user_indexes"
            " WHERE schemaname = 'bursar'"
        )
    )
