"""What the README and the references tell a reader to type works on a running deployment."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from bursar.demo.seed import seed
from bursar.stand_ins.stripe.process import StandIn
from tests import stand_in as staged
from tests.app_store import AUTHORIZATION, WEBHOOK, Sold, posted
from tests.deployment import SECRET, Deployment
from tests.market import leads
from tests.node import DIRECTORY as JAVASCRIPT
from tests.node import Node
from tests.patience import PATIENCE_SECONDS

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```(\w+)( setup)?\n(.*?)^```", re.MULTILINE | re.DOTALL)
REWARD_ID = "d3300000-0000-4000-8001-000000000006"


def blocks(page: str, language: str, *, setup: bool = False) -> list[str]:
    """Return the fenced blocks of a page in one language."""
    found = BLOCK.findall((ROOT / page).read_text("utf-8"))
    return [text for name, mark, text in found if name == language and bool(mark) is setup]


@pytest.fixture(scope="module")
def reader(card_deployment: Deployment, company: StandIn) -> dict[str, str]:
    """The environment of a reader who has started everything and typed the README's first block.

    There is a marketplace too, with three leads, and the reader's workspace has credits; and the
    reader has bought a shield in a store, and may generate five pictures.
    """
    deployment = card_deployment
    seed(deployment.database.url)
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    environment = {
        "PATH": path,
        "HOME": os.environ.get("HOME", "/"),
        "BURSAR_URL": deployment.url,
        "BURSAR_DATABASE_URL": deployment.database.url,
        "BURSAR_JWT_SECRET": SECRET,
    }
    [setup] = blocks("README.md", "sh", setup=True)
    dump = typed(["bash", "-euc", f"{setup}\nenv -0"], environment)
    told = dict(line.split("=", 1) for line in dump.split("\0") if "=" in line)
    assert told["DATABASE_URL"] == deployment.database.url
    first, second, third = leads(deployment.database.connect(), [60, 70, 80])
    grant = {"owner_id": told["USER_ID"], "asset": "workspace_credit", "amount": 500}
    service = {"authorization": f"Bearer {told['SERVICE_TOKEN']}"}
    with httpx.Client(base_url=deployment.url, timeout=PATIENCE_SECONDS) as client:
        answer = client.post("/v1/grants", json=grant, headers=service)
        assert answer.is_success, answer.text
        grant = {"owner_id": told["USER_ID"], "asset": "generation_credit", "amount": 5}
        answer = client.post("/v1/grants", json=grant, headers=service)
        assert answer.is_success, answer.text
        sale = Sold(told["USER_ID"])
        answer = client.post(WEBHOOK, **posted(sale.bought()))
        assert answer.is_success, answer.text
    return told | {
        "REWARD_ID": REWARD_ID,
        "LEAD_ID": first,
        "SECOND_LEAD_ID": second,
        "THIRD_LEAD_ID": third,
        "TRANSACTION_ID": sale.tx_id,
        "BURSAR_REVENUECAT_AUTHORIZATION": AUTHORIZATION,
        "BURSAR_STRIPE_API_KEY": staged.KEY,
        "BURSAR_STRIPE_API_BASE": company.address,
        "BURSAR_STRIPE_WEBHOOK_SECRET": staged.SECRET,
    }


def typed(command: list[str], environment: dict[str, str], text: str = "") -> str:
    """Run a command as a reader would and return what it prints."""
    run = subprocess.run(
        command,
        input=text,
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    return run.stdout


def test_the_purchase_in_sql_works(reader: dict[str, str], card_deployment: Deployment) -> None:
    [block] = blocks("README.md", "sql")
    psql = str(card_deployment.database.cluster.psql_path)

    answer = typed(
        [psql, "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", reader["DATABASE_URL"]], reader, block
    )

    assert '"status": "done"' in answer
    assert '"price": 10' in answer


def test_the_purchase_in_supabase_js_works(reader: dict[str, str], node_modules: Node) -> None:
    [block] = blocks("README.md", "js")
    node = shutil.which("node")
    assert node is not None
    # The client wants one to exist on Node before 22; nothing opens it.
    prelude = "globalThis.WebSocket ??= class WebSocket {};\n"
    script = JAVASCRIPT / "readme.tmp.mjs"
    script.write_text(
        block.replace("import {", f"{prelude}const {{", 1).replace(
            '} from "@supabase/supabase-js";', '} = await import("@supabase/supabase-js");', 1
        )
    )
    try:
        answer = typed([node, str(script)], reader)
    finally:
        script.unlink()

    assert re.fullmatch(r"Bought. \d+ credits are left.\n", answer)


def test_the_purchase_in_python_works(reader: dict[str, str]) -> None:
    [block] = blocks("README.md", "python")

    first = typed([sys.executable, "-W", "error", "-"], reader, block)
    again = typed([sys.executable, "-W", "error", "-"], reader, block)

    assert first == again
    assert first.strip().isdigit()


def test_the_purchase_with_curl_works(reader: dict[str, str]) -> None:
    [block] = blocks("README.md", "sh")
    if shutil.which("curl") is None:
        if os.environ.get("BURSAR_REQUIRE_ALL") == "1":
            pytest.fail("curl is not installed.")
        pytest.skip("curl is not installed.")

    first = typed(["bash", "-euc", block], reader)
    again = typed(["bash", "-euc", block], reader)

    assert '"replayed":false' in first
    assert '"replayed":true' in again


def test_the_calls_of_the_http_reference_work(reader: dict[str, str], company: StandIn) -> None:
    answers = [typed(["bash", "-euc", block], reader) for block in blocks("docs/http.md", "sh")]

    assert len(answers) == 17
    granted, wallet, for_credits, by_card, top_up, event, claimed, used, *others, reward = answers
    *studio, community, bought, status = others
    job, jobs, cancelled, deducted, refunded = studio
    assert '"status":"queued","credits_remaining":4' in job
    assert '"status":"queued"' in jobs
    assert '"reason":"cancelled","refunded":1,"status":"refunded"' in cancelled
    assert "event: state" in cancelled
    assert '"credits_remaining":4,"amount":1' in deducted
    assert '"credits_remaining":5,"amount":1' in refunded
    assert '"streakshield_count":1' in claimed
    assert '"success":true,"item":"streak_shield","amount":1,"left":0' in used
    assert '"body":"Hello."' in community
    assert '"created":true,"best":120,"awarded":1' in community
    assert '"effect":"applied","tx_id":"2000000123456790"' in bought
    assert '"claims_mode":"open"' in status
    assert '"status":"done"' in granted
    assert f'"owner_id":"{reader["USER_ID"]}"' in wallet
    assert '"status":"completed"' in for_credits
    assert '"balance":440' in for_credits
    for opened in (by_card, top_up):
        assert '"status":"pending"' in opened
        assert f'"checkoutUrl":"{company.address}/pay/cs_test_' in opened
    assert '"received":true' in event
    assert '"effect":"ignored"' in event
    assert f'"reward_id":"{REWARD_ID}"' in reward


def test_a_card_purchase_with_the_stock_library_works(reader: dict[str, str]) -> None:
    [block] = blocks("docs/http.md", "python")

    answer = typed([sys.executable, "-W", "error", "-"], reader, block)

    assert answer.splitlines() == [
        "open 800 True",  # the demonstration takes ten pence for a credit
        "applied None",
        "applied true",
        "completed paid",
    ]


def test_the_programs_of_the_python_reference_work(reader: dict[str, str]) -> None:
    answers = [
        typed([sys.executable, "-W", "error", "-"], reader, block)
        for block in blocks("docs/python.md", "python")
    ]

    assert answers[0].startswith("done ")
    assert "INSUFFICIENT_FUNDS" in answers[0]
    assert answers[1] == ""


def test_the_readme_can_be_read_in_one_sitting() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 200
