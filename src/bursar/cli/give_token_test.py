import time

import httpx
import jwt

from bursar.cli.conftest import Up, run, run_json
from tests.patience import PATIENCE_SECONDS

USER = "5b1d9c7e-0000-4000-8000-00000000000b"
SECRET = "nobody else knows this secret, of forty-one"


def test_a_service_token_is_good_for_the_api(running: Up) -> None:
    answer = httpx.post(
        f"{running.url}/v1/grants",
        json={"owner_id": USER, "asset": "credit", "amount": 5},
        headers={"Authorization": f"Bearer {running.token()}"},
        timeout=PATIENCE_SECONDS,
    )

    assert answer.status_code == 201, answer.text


def test_a_user_token_reads_its_own_wallet_and_grants_nothing(running: Up) -> None:
    made = run_json("token", "--role", "authenticated", "--sub", USER, "--data", str(running.data))
    headers = {"Authorization": f"Bearer {made['token']}"}

    own = httpx.get(
        f"{running.url}/v1/wallets/{USER}?asset=credit", headers=headers, timeout=PATIENCE_SECONDS
    )
    grant = httpx.post(
        f"{running.url}/v1/grants",
        json={"owner_id": USER, "asset": "credit", "amount": 5},
        headers=headers,
        timeout=PATIENCE_SECONDS,
    )

    assert own.status_code in (200, 404)
    assert grant.status_code == 403


def test_it_lasts_as_long_as_was_asked() -> None:
    before = int(time.time())
    done = run("token", "--role", "anon", "--seconds", "90", BURSAR_JWT_SECRET=SECRET)

    claims = jwt.decode(done.stdout.strip(), SECRET, algorithms=["HS256"])

    assert claims["role"] == "anon"
    assert before + 90 <= claims["exp"] <= time.time() + 90


def test_a_role_outside_of_the_list_is_refused(running: Up) -> None:
    done = run("token", "--role", "postgres", BURSAR_JWT_SECRET=SECRET)
    nobody = run("token", "--role", "authenticated", BURSAR_JWT_SECRET=SECRET)
    short = run("token", "--role", "anon", BURSAR_JWT_SECRET="short")

    assert [done.returncode, nobody.returncode, short.returncode] == [2, 2, 2]
    assert "anon, authenticated, service_role" in done.stderr
    assert "BURSAR_JWT_SECRET" in short.stderr


def test_without_a_secret_it_says_where_one_comes_from(tmp_path: object) -> None:
    done = run("token", "--role", "anon", "--data", f"{tmp_path}/nothing")

    assert done.returncode == 6
    assert "bursar up" in done.stderr
