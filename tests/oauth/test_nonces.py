"""Where proofs must hold a nonce of ours: it is asked for, handed over with good answers, and goes stale (RFC 9449)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flask_apiguard.oauth.dpop import NONCE_WINDOW
from tests.oauth.proofs import Device, refused_at_gate
from tests.oauth.world import Holder, World, make_app, running


@pytest.fixture
def holder(world: World) -> Holder:
    return world.holder()


@pytest.fixture
def device(world: World) -> Device:
    return Device(world)


@pytest.fixture
def asking(tmp_path: Path) -> Any:
    with running(lambda base: make_app(base, f"sqlite:///{tmp_path}/a.db", APIGUARD_DPOP_NONCE=True)) as world:
        yield world


def test_a_nonce_is_asked_for_given_and_goes_stale(asking: World) -> None:
    holder, device = asking.holder(), Device(asking)
    refusal = device.post(holder)
    assert (refusal.status_code, refusal.json()["error"]) == (400, "use_dpop_nonce")
    nonce = refusal.headers["DPoP-Nonce"]
    answer = device.post(holder, nonce=nonce)
    assert answer.status_code == 200
    token = answer.json()["access_token"]
    missing = device.call(token)
    refused_at_gate(missing, "use_dpop_nonce")
    assert device.call(token, nonce=missing.headers["DPoP-Nonce"]).status_code == 200
    for wrong in ("", "x", nonce[:-1], 7, [nonce], {"a": nonce}):
        refused_at_gate(device.call(token, nonce=wrong), "use_dpop_nonce")
    asking.house.clock.advance(660)
    token = device.post(holder, nonce=device.post(holder).headers["DPoP-Nonce"]).json()["access_token"]
    refused_at_gate(device.call(token, nonce=nonce), "use_dpop_nonce")


def test_a_good_answer_hands_over_the_next_nonce(asking: World) -> None:
    holder, device = asking.holder(redirect_uris=("https://app.example/cb",)), Device(asking)
    clock = asking.house.clock
    clock.advance(NONCE_WINDOW / 2 - clock.time() % NONCE_WINDOW)  # far from where nonces turn
    nonce = device.post(holder).headers["DPoP-Nonce"]
    answer = device.post(holder, nonce=nonce)
    token = answer.json()["access_token"]
    assert answer.headers["DPoP-Nonce"] == nonce
    assert device.call(token, nonce=nonce).headers["DPoP-Nonce"] == nonce
    for _ in range(4):  # who calls often enough never meets a refusal, however often nonces turn
        clock.advance(NONCE_WINDOW)
        answer = device.post(holder, nonce=nonce)
        assert answer.status_code == 200
        called = device.call(answer.json()["access_token"], nonce=nonce)
        assert called.status_code == 200
        assert called.headers["DPoP-Nonce"] == answer.headers["DPoP-Nonce"] != nonce
        nonce = called.headers["DPoP-Nonce"]
    assert "DPoP-Nonce" not in asking.post("token", {"grant_type": "client_credentials"}, holder).headers


def test_without_nonces_none_is_handed_over(world: World, holder: Holder, device: Device) -> None:
    answer = device.post(holder)
    assert "DPoP-Nonce" not in answer.headers
    assert "DPoP-Nonce" not in device.call(answer.json()["access_token"]).headers


def test_a_nonce_is_of_one_secret_and_cannot_be_made_ahead(asking: World) -> None:
    proofs = asking.house.proofs
    seen = {proofs._nonce_of(window) for window in range(100)}
    assert len(seen) == 100
    assert all(len(nonce) >= 22 for nonce in seen)


def test_asking_for_a_nonce_is_no_failure_of_anybodys(asking: World) -> None:
    holder, device = asking.holder(), Device(asking)
    nonce = device.post(holder).headers["DPoP-Nonce"]
    token = device.post(holder, nonce=nonce).json()["access_token"]
    for _ in range(40):
        assert device.call(token).status_code == 401
    assert asking.call("acme_at_nonsense").status_code == 401
