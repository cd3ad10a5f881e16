"""Everybody has a name of their own; passwords are hashed, and only the service changes them."""

import uuid

import pytest

import bursar
from bursar.community.join_community import join_community
from bursar.community.password import P, R, hash_password, is_password
from tests.commons import ask
from tests.ledger_in_sql import Ledger, code, done

pytestmark = pytest.mark.postgres_versions("15", "18")
HASH = "scrypt$14$8$5$c2FsdA==$ZGlnZXN0"


def me(user_id: str) -> dict[str, str]:
    return {"role": "authenticated", "sub": user_id}


async def test_a_user_comes_in_once_and_keeps_their_name(ledger: Ledger) -> None:
    user_id = str(uuid.uuid4())
    name = f"ada-{user_id[:8]}"
    async with bursar.connect(ledger.database.service_url) as bank:
        first = done(await join_community(bank, username=name, user_id=user_id, caller=me(user_id)))
        again = done(
            await join_community(bank, username="other", user_id=user_id, caller=me(user_id))
        )
        taken = await join_community(bank, username=name.upper())

    assert (first["created"], first["user_id"], first["username"]) == (True, user_id, name)
    assert (again["created"], again["username"]) == (False, name)
    assert code(taken) == "MALFORMED"
    assert taken["details"] == {"field": "username"}


def test_only_the_service_gives_another_password(ledger: Ledger) -> None:
    made = done(ask(ledger, "join_community", username="grace", password_hash=HASH))
    user_id = made["user_id"]
    other = {"username": "grace", "user_id": user_id, "password_hash": HASH[:-4] + "AAAA"}

    done(ask(ledger, "join_community", **other, caller=me(user_id)))
    assert ledger.value("SELECT bursar.read_sign_in('GRACE')")["password_hash"] == HASH

    done(ask(ledger, "join_community", **other))
    assert ledger.value("SELECT bursar.read_sign_in('grace')")["password_hash"] != HASH
    assert ledger.value("SELECT bursar.read_sign_in('nobody')") is None


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"username": "a"}, "MALFORMED"),
        ({"username": "a b"}, "MALFORMED"),
        ({"username": "ada\n"}, "MALFORMED"),
        ({"username": 12}, "MALFORMED"),
        ({"username": None}, "MALFORMED"),
        ({"user_id": "x"}, "MALFORMED"),
        ({"password_hash": "secret"}, "MALFORMED"),
        ({"caller": {"role": "anon"}}, "NOT_AUTHORIZED"),
        ({"caller": me(str(uuid.uuid4()))}, "NOT_AUTHORIZED"),
    ],
)
def test_what_is_no_user_is_refused(
    ledger: Ledger, fields: dict[str, object], refusal: str
) -> None:
    request = {"username": "somebody", "user_id": str(uuid.uuid4())} | fields
    assert code(ask(ledger, "join_community", **request)) == refusal


def test_nobody_comes_in_while_changes_are_paused(ledger: Ledger) -> None:
    ledger.admin.execute("UPDATE bursar.gate SET degraded = true")
    try:
        assert code(ask(ledger, "join_community", username="late")) == "DEGRADED"
    finally:
        ledger.admin.execute("UPDATE bursar.gate SET degraded = false")


def test_a_password_is_known_again_by_its_hash_alone() -> None:
    stored = hash_password("a long pass phrase, é")

    assert stored.startswith(f"scrypt$14${R}${P}$")
    assert is_password("a long pass phrase, e\u0301", stored)
    assert not is_password("a long pass phrase, e", stored)
    for unreadable in (None, "", "scrypt$30$8$5$AAAA$AAAA", stored.replace("scrypt", "md5")):
        assert not is_password("a long pass phrase, é", unreadable)
    for password in ("short", "x" * 201):
        with pytest.raises(ValueError, match="8 to 200"):
            hash_password(password)
