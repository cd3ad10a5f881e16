"""The switch over HTTP: changes pause, and it is said when nothing is written any more."""

from bursar.http.conftest import Door


async def test_changes_pause_and_go_on(door: Door) -> None:
    user, me = door.user()
    grant = {"owner_id": user, "asset": "credit", "amount": 5}
    pause = {"degraded": True, "reason": "the disk is full"}

    answer = await door.client.post("/v1/degraded", json=pause, headers=door.service)

    assert answer.status_code == 200
    told = answer.json()
    assert (told["degraded"], told["acknowledged"], told["changed_by"], told["writers"]) == (
        True,
        True,
        "service",
        [],
    )
    refused = await door.client.post("/v1/grants", json=grant, headers=door.service)
    assert (refused.status_code, refused.json()["code"]) == (503, "DEGRADED")
    assert "retry-after" in refused.headers
    address = f"/v1/wallets/{user}?asset=credit"
    assert (await door.client.get(address, headers=me)).status_code == 404
    shown = await door.client.get("/v1/degraded", headers=door.service)
    assert shown.json()["reason"] == "the disk is full"
    on = {"degraded": False, "reason": "there is room"}
    assert (await door.client.post("/v1/degraded", json=on, headers=door.service)).json()[
        "degraded"
    ] is False
    granted = await door.client.post("/v1/grants", json=grant, headers=door.service)
    assert granted.status_code == 201


async def test_only_the_service_switches_and_only_with_a_reason(door: Door) -> None:
    _, me = door.user()
    pause = {"degraded": True, "reason": "why"}
    for headers, status in ((me, 403), ({}, 401)):
        assert (await door.client.get("/v1/degraded", headers=headers)).status_code == status
        answer = await door.client.post("/v1/degraded", json=pause, headers=headers)
        assert answer.status_code == status
    for body in (
        {"degraded": True},
        {"degraded": True, "reason": ""},
        {"degraded": True, "reason": " "},
        {"degraded": 1, "reason": "why"},
        {"degraded": True, "reason": "why", "wait_seconds": 21},
    ):
        answer = await door.client.post("/v1/degraded", json=body, headers=door.service)
        assert (answer.status_code, answer.json()["code"]) == (422, "MALFORMED")
