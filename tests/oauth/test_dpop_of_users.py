"""What a user allowed an app on a device stays bound to that device's key, and a stream is proved once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

from flask_apiguard import require
from flask_apiguard.oauth.token_formats import set_token_format
from flask_apiguard.values import SYSTEM
from tests.oauth.browser import CALLBACK, VERIFIER, Browser, answered, redeem, wanted
from tests.oauth.proofs import Device
from tests.oauth.world import Holder, World, make_app, running


def redeemed(device: Device, holder: Holder, public: bool, code: str | None = None) -> requests.Response:
    data = {
        "grant_type": "authorization_code", "code": code or Browser(device.world).code(holder),
        "redirect_uri": CALLBACK, "code_verifier": VERIFIER,
    }  # fmt: skip
    return device.post(None if public else holder, data | ({"client_id": holder.id} if public else {}))


def refreshed(device: Device, holder: Holder, text: str) -> requests.Response:
    data = {"grant_type": "refresh_token", "refresh_token": text, "client_id": holder.id}
    return device.post(None, data)


@pytest.mark.parametrize("form", ["opaque", "jwt"])
def test_a_public_clients_refresh_token_works_with_its_own_key_only(any_world: World, form: str) -> None:
    holder, device = any_world.holder(redirect_uris=(CALLBACK,), public=True), Device(any_world)
    with any_world.house.store.write() as tx:
        set_token_format(tx, SYSTEM, holder.id, form)
    first = redeemed(device, holder, public=True).json()
    assert first["token_type"] == "DPoP"
    assert device.call(first["access_token"]).json()["user"] == "alice"
    assert any_world.call(first["access_token"]).status_code == 401
    text = first["refresh_token"]
    data = {"grant_type": "refresh_token", "refresh_token": text, "client_id": holder.id}
    for answer in (any_world.post("token", data), refreshed(Device(any_world), holder, text)):
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_dpop_proof")
    second = refreshed(device, holder, text)
    assert (second.status_code, second.json()["token_type"]) == (200, "DPoP")
    assert device.call(second.json()["access_token"]).status_code == 200
    assert any_world.post("token", {**data, "refresh_token": second.json()["refresh_token"]}).status_code == 400


def test_a_lost_answer_is_asked_for_again_with_a_new_proof_of_the_same_key(world: World) -> None:
    holder, device = world.holder(redirect_uris=(CALLBACK,), public=True), Device(world)
    text = redeemed(device, holder, public=True).json()["refresh_token"]
    first, again = refreshed(device, holder, text), refreshed(device, holder, text)
    assert first.json()["refresh_token"] == again.json()["refresh_token"]


def test_a_client_with_a_secret_may_change_its_key(world: World) -> None:
    holder = world.holder(redirect_uris=(CALLBACK,))
    text = redeemed(Device(world), holder, public=False).json()["refresh_token"]
    other = Device(world)
    answer = other.post(holder, {"grant_type": "refresh_token", "refresh_token": text})
    assert other.call(answer.json()["access_token"]).status_code == 200


def test_a_bad_proof_uses_up_no_code(world: World) -> None:
    holder, device = world.holder(redirect_uris=(CALLBACK,), public=True), Device(world)
    code = Browser(world).code(holder)
    data = {
        "grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER,
        "client_id": holder.id,
    }  # fmt: skip
    assert device.post(None, data, htm="GET").json()["error"] == "invalid_dpop_proof"
    assert device.post(None, data).status_code == 200


def jkt_of(device: Device) -> str:
    return str(device.key.thumbprint())


def test_a_code_that_was_asked_for_with_a_key_is_redeemed_with_that_key_alone(any_world: World) -> None:
    for public in (True, False):
        holder, device = any_world.holder(redirect_uris=(CALLBACK,), public=public), Device(any_world)
        code = Browser(any_world).code(holder, dpop_jkt=jkt_of(device))
        plain = redeem(any_world, holder, code, public=public)
        other = redeemed(Device(any_world), holder, public, code)
        for answer in (plain, other):
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_dpop_proof")
        good = redeemed(device, holder, public, code)
        assert (good.status_code, good.json()["token_type"]) == (200, "DPoP")


def test_a_consent_that_is_remembered_keeps_the_key_too(world: World) -> None:
    holder, device, browser = world.holder(redirect_uris=(CALLBACK,)), Device(world), Browser(world, "iris")
    browser.code(holder)
    found = browser.ask(wanted(holder, dpop_jkt=jkt_of(device)))
    assert found.status_code == 302
    code = answered(found)["code"]
    assert redeem(world, holder, code).json()["error"] == "invalid_dpop_proof"
    assert redeemed(device, holder, False, code).status_code == 200


@pytest.mark.parametrize("jkt", ["x", "a" * 42, "a" * 44, "a" * 42 + "=", "a" * 42 + "/", "é" * 43])
def test_a_name_of_a_key_that_is_none_is_refused(world: World, jkt: str) -> None:
    holder = world.holder(redirect_uris=(CALLBACK,))
    said = answered(Browser(world).ask(wanted(holder, dpop_jkt=jkt)))
    assert (said["error"], said["state"]) == ("invalid_request", "s1")
    assert world.post("par", wanted(holder, dpop_jkt=jkt), holder).json()["error"] == "invalid_request"


def test_a_key_is_named_once(world: World) -> None:
    holder, device = world.holder(redirect_uris=(CALLBACK,)), Device(world)
    query = urlencode(wanted(holder, dpop_jkt=jkt_of(device))) + "&dpop_jkt=" + jkt_of(Device(world))
    page = Browser(world).ask(query)
    assert (page.status_code, "Location" in page.headers) == (400, False)


def pushed(device: Device, holder: Holder, proof: str | None = None, **more: str | None) -> requests.Response:
    shown = proof or device.proof("POST", device.world.base + "/oauth/par")
    return device.world.post("par", wanted(holder, **more), holder, {"DPoP": shown})


@pytest.mark.parametrize("named", [True, False])
def test_a_proof_with_a_pushed_request_binds_its_code(any_world: World, named: bool) -> None:
    holder, device = any_world.holder(redirect_uris=(CALLBACK,)), Device(any_world)
    answer = pushed(device, holder, dpop_jkt=jkt_of(device) if named else None)
    assert answer.status_code == 201, answer.text
    browser = Browser(any_world)
    page = browser.ask({"client_id": holder.id, "request_uri": answer.json()["request_uri"]})
    code = answered(browser.answer(page))["code"]
    assert redeem(any_world, holder, code).json()["error"] == "invalid_dpop_proof"
    assert redeemed(device, holder, False, code).status_code == 200


def test_a_pushed_request_with_a_proof_of_another_key_or_place_is_refused(world: World) -> None:
    holder, device = world.holder(redirect_uris=(CALLBACK,)), Device(world)
    for answer in (
        pushed(device, holder, dpop_jkt=jkt_of(Device(world))),
        pushed(device, holder, device.proof("POST", world.base + "/oauth/token")),
        pushed(device, holder, "nonsense"),
    ):
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_dpop_proof")


def test_a_key_named_for_a_refresh_does_not_move_it(world: World) -> None:
    holder, device, other = world.holder(redirect_uris=(CALLBACK,), public=True), Device(world), Device(world)
    text = redeemed(device, holder, public=True).json()["refresh_token"]
    data = {"grant_type": "refresh_token", "refresh_token": text, "client_id": holder.id, "dpop_jkt": jkt_of(other)}
    assert other.post(None, data).json()["error"] == "invalid_dpop_proof"
    assert device.post(None, data).status_code == 200


def test_a_stream_is_proved_once_and_ends_when_its_token_does(tmp_path: Path) -> None:
    asked: list[World] = []

    def make(base: str) -> Any:
        app = make_app(base, f"sqlite:///{tmp_path}/a.db")

        @app.get("/api/stream")
        @require("orders:read")
        def stream() -> Any:
            def chunks() -> Iterator[bytes]:
                for number in range(4):
                    if number == 1 and revoke:
                        world = asked[0]
                        assert world.post("revoke", {"token": token}, holder).status_code == 200
                    yield b"%d\n" % number

            return app.response_class(chunks())

        return app

    revoke = False
    with running(make) as world:
        asked.append(world)
        holder, device = world.holder(), Device(world)
        token = device.token(holder)
        assert device.call(token, path="/api/stream").content == b"0\n1\n2\n3\n"
        revoke = True
        with contextlib.suppress(requests.exceptions.RequestException):  # or it is cut off in another way
            assert device.call(token, path="/api/stream").content != b"0\n1\n2\n3\n"
        assert device.call(token).status_code == 401
