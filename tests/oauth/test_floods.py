"""However many proofs anybody sends, nobody is held up by them, no call goes uncounted, and none is good twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from joserfc import jwk

from flask_apiguard import limit, require
from flask_apiguard.clock import Clock
from flask_apiguard.errors import StoreAway
from flask_apiguard.oauth import once as once_module
from flask_apiguard.oauth.once import Once, TooMany
from flask_apiguard.oauth.throttle import Throttle
from flask_apiguard.quotas import Counter, Memory, SharedFile, Valkey, apart
from tests.oauth.browser import CALLBACK, VERIFIER, Browser
from tests.oauth.proofs import Device
from tests.oauth.test_assertions import ASK, claims, post, signed, with_key
from tests.oauth.world import Holder, World, make_app, running

SLOTS = 64


@pytest.fixture
def filed(tmp_path: Path) -> Iterator[World]:
    """Counting in files, of which the one for what is good once is small."""

    def make(base: str) -> Any:
        url = f"sqlite:///{tmp_path}/apiguard.db"
        app = make_app(base, url, APIGUARD_COUNTERS_URL=f"apiguard-file://{tmp_path}/counters")

        @app.get("/api/limited")
        @require("orders:read")
        @limit("3/minute")
        def limited() -> str:
            return "counted"

        app.extensions["apiguard"].once_counter = SharedFile(tmp_path / "counters-once", SLOTS, SLOTS)
        return app

    with running(make) as world:
        yield world


def remembered(world: World) -> int:
    """How many proofs are remembered, and shares counted."""
    counter = world.house.once_counter
    assert isinstance(counter, Memory)
    return len(counter._kept)


def fill(once: Once, clock: Clock) -> None:
    """Others' proofs, as many as there is room for."""
    now = clock.time()
    for number in range(10 * SLOTS):
        once.take("dpop", "key", f"jti {number}", now + 60, 120, f"holder {number}")


def test_what_strangers_fill_is_kept_apart_from_what_is_counted(tmp_path: Path) -> None:
    beside = apart(SharedFile(tmp_path / "counters"), "once")
    assert isinstance(beside, SharedFile)
    assert beside.path == tmp_path / "counters-once"
    memory, server = Memory(), Valkey("redis://127.0.0.1:1/0")
    assert apart(memory, "once") is not memory
    assert apart(server, "once") is server


def test_who_asks_from_ever_new_addresses_takes_neither_calls_nor_proofs_away(filed: World, tmp_path: Path) -> None:
    holder, device = filed.holder(), Device(filed)
    token, plain = device.token(holder), filed.token(holder)
    counter = SharedFile(tmp_path / "small", SLOTS, SLOTS)
    throttle = filed.house.oauth.throttle = Throttle(counter, Clock(), filed.house.secrets)
    with pytest.raises(StoreAway):
        for network in range(10 * SLOTS):
            throttle.pushed("cli_public", f"2001:db8:0:{network:x}::1")
    asking = {"client_id": filed.holder(public=True, device=True).id}
    assert filed.post("device_authorization", asking).status_code == 503
    assert device.call(token).status_code == 200
    assert [filed.call(plain, "/api/limited").status_code for _ in range(4)] == [200, 200, 200, 429]


def test_the_house_counts_each_in_a_file_of_its_own(tmp_path: Path) -> None:
    files = {"APIGUARD_COUNTERS_URL": f"apiguard-file://{tmp_path}/c"}
    app = make_app("https://api.example", f"sqlite:///{tmp_path}/a.db", **files)
    house = app.extensions["apiguard"]
    counters = (house.counter, house.once_counter, house.asked_counter, house.tried_counter)
    assert [counter.path.name for counter in counters] == ["c", "c-once", "c-asked", "c-tried"]
    assert house.oauth.throttle._tries._counter() is house.asked_counter
    assert house.throttle._tries._counter() is house.tried_counter
    assert house.once._counter is house.once_counter
    house.close()


@pytest.fixture(params=["memory", "file", "server"])
def counter(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Counter]:
    """Each of ours."""
    if request.param == "server":
        made: Counter = Valkey(request.getfixturevalue("valkey_url"))
    else:
        made = Memory() if request.param == "memory" else SharedFile(tmp_path / "once")
    yield made
    made.close()


def test_of_any_number_at_once_one_hears_yes_and_a_share_is_exact(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(once_module, "SHARE", 8)
    clock = Clock()
    once, ends = Once(counter, clock), clock.time() + 60

    def take(jti: str, holder: str = "ann") -> bool | None:
        try:
            return once.take("dpop", "key", jti, ends, 120, holder)
        except TooMany:
            return None

    with ThreadPoolExecutor(16) as pool:
        assert sorted(pool.map(lambda _: take("same"), range(32))) == [False] * 31 + [True]
        found = list(pool.map(lambda number: take(str(number)), range(32)))
    assert found.count(True) == 7, "one was taken before"
    assert found.count(None) == 25
    assert take("same", "bob") is False, "whoever shows it"
    assert take("more", "bob") is True


def test_when_there_is_no_more_room_proofs_are_answered_503_and_calls_are_counted_on(filed: World) -> None:
    holder, device = filed.holder(), Device(filed)
    token, plain = device.token(holder), filed.token(filed.holder())
    shown = device.proof("GET", f"{filed.base}/api/orders", token)
    assert device.call(token, shown).status_code == 200
    with pytest.raises(StoreAway):
        fill(filed.house.once, filed.house.clock)
    answer = device.call(token)
    assert (answer.status_code, answer.json()["code"]) == (503, "gate:store:away")
    assert device.call(token, shown).status_code in (401, 503), "a replay is never good"
    assert device.post(holder).status_code == 503
    assert [filed.call(plain, "/api/limited").status_code for _ in range(5)] == [200, 200, 200, 429, 429]
    new = filed.token(filed.holder())
    assert [filed.call(new, "/api/limited").status_code for _ in range(5)] == [200, 200, 200, 429, 429]


def test_after_they_have_ended_there_is_room_again(filed: World) -> None:
    holder, device = filed.holder(), Device(filed)
    token = device.token(holder)
    with pytest.raises(StoreAway):
        fill(filed.house.once, filed.house.clock)
    filed.house.clock.advance(200)
    filed.house.once_counter._full_until = 0.0  # type: ignore[attr-defined]
    assert device.call(token).status_code == 200


Again = Callable[[], requests.Response]
Flood = Callable[[World, Holder, Device], Again]


def at_gate(token: Callable[[World, Holder, Device], str], **more: Any) -> Flood:
    """Calls with good proofs beside a token that is not good with them."""

    def prepared(world: World, holder: Holder, device: Device) -> Again:
        text = token(world, holder, device)
        return lambda: device.call(text, device.proof("GET", f"{world.base}/api/orders", text, **more))

    return prepared


def at_token(**data: str) -> Flood:
    """Token requests in the name of a public client, with good proofs."""

    def prepared(world: World, holder: Holder, device: Device) -> Again:
        public = world.holder(redirect_uris=(CALLBACK,), public=True, device=True)
        return lambda: device.post(None, {"client_id": public.id, **data})

    return prepared


def wrong_secret(world: World, holder: Holder, device: Device) -> Again:
    wrong = Holder(holder.client, holder.credential, holder.secret[:-1] + "!")
    return lambda: device.post(wrong)


@pytest.mark.parametrize(
    "flood",
    [
        at_gate(lambda world, holder, device: "acme_at_nonsense"),
        at_gate(lambda world, holder, device: world.token(holder)),
        at_gate(lambda world, holder, device: Device(world).token(holder)),
        at_gate(lambda world, holder, device: device.token(holder), ath="another"),
        at_gate(lambda world, holder, device: device.token(holder), htu="https://another.example/"),
        at_token(grant_type="authorization_code", code="x" * 43, redirect_uri=CALLBACK, code_verifier=VERIFIER),
        at_token(grant_type="refresh_token", refresh_token="x" * 43),
        at_token(grant_type="urn:ietf:params:oauth:grant-type:device_code", device_code="x" * 43),
        at_token(grant_type="client_credentials"),
        wrong_secret,
    ],
    ids=[
        "no token", "a token without a key", "another's token", "for another token", "for another place", "no code",
        "no refresh token", "no device code", "no client that proved itself", "a wrong secret",
    ],
)  # fmt: skip
def test_nothing_is_remembered_of_who_has_nothing_that_a_proof_is_for(world: World, flood: Flood) -> None:
    again = flood(world, world.holder(), Device(world))
    before = remembered(world)
    assert {again().status_code for _ in range(3)} <= {400, 401, 403}
    assert remembered(world) == before


def test_a_proof_shown_again_uses_up_no_refresh_token(any_world: World) -> None:
    holder, device = any_world.holder(redirect_uris=(CALLBACK,), public=True), Device(any_world)
    url = f"{any_world.base}/oauth/token"
    shown = device.proof("POST", url)
    code = {
        "grant_type": "authorization_code", "code": Browser(any_world).code(holder), "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER, "client_id": holder.id,
    }  # fmt: skip
    first = device.post(None, code, shown)
    assert first.status_code == 200, first.text
    again = {"grant_type": "refresh_token", "refresh_token": first.json()["refresh_token"], "client_id": holder.id}
    refusal = device.post(None, again, shown)
    assert (refusal.status_code, refusal.json()["error"]) == (400, "invalid_dpop_proof")
    assert device.post(None, again).status_code == 200, "with a fresh one"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> int:
    """A share that is soon used up."""
    monkeypatch.setattr(once_module, "SHARE", 8)
    return 8


def test_one_client_fills_its_own_share_and_nobody_elses(any_world: World, small: int) -> None:
    holder, other = any_world.holder(), any_world.holder()
    devices = [Device(any_world) for _ in range(2)]
    tokens = [device.token(holder) for device in devices]
    answers = [devices[turn % 2].call(tokens[turn % 2]) for turn in range(small)]
    assert [answer.status_code for answer in answers] == [200] * (small - 2) + [429] * 2, "two went for the tokens"
    refusal = answers[-1]
    assert refusal.json()["code"] == "gate:limit:exceeded"
    assert int(refusal.headers["Retry-After"]) >= 1
    told = devices[0].post(holder)
    assert (told.status_code, told.json()["error"]) == (429, "temporarily_unavailable")
    assert Device(any_world).post(holder).status_code == 429, "a new key is no new share"
    free = Device(any_world)
    assert free.call(free.token(other)).status_code == 200
    any_world.house.clock.advance(400)
    assert devices[0].post(holder).status_code == 200


def test_one_user_of_an_app_fills_no_share_of_the_others(world: World, small: int) -> None:
    holder = world.holder(redirect_uris=(CALLBACK,), public=True)
    found = {}
    for user in ("alice", "bob"):
        device = Device(world)
        code = Browser(world, user).code(holder)
        data = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
        found[user] = device, device.post(None, {**data, "client_id": holder.id}).json()["access_token"]
    device, token = found["alice"]
    assert [device.call(token).status_code for _ in range(small + 2)] == [200] * small + [429] * 2
    device, token = found["bob"]
    assert device.call(token).status_code == 200


def test_a_client_that_signs_too_many_assertions_hears_it(world: World, small: int) -> None:
    key = jwk.ECKey.generate_key("P-256")
    holder, other = with_key(world, key), world.holder()
    answers = [post(world, signed(key, claims(world, holder.id))) for _ in range(small + 2)]
    assert [answer.status_code for answer in answers] == [200] * small + [429] * 2
    assert answers[-1].json()["error"] == "temporarily_unavailable"
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert world.post("token", ASK, other).status_code == 200


def test_all_who_prove_nothing_have_one_share(world: World, small: int) -> None:
    """Else whoever knows the ids of a few public clients could fill the room of all."""
    publics = [world.holder(public=True, device=True) for _ in range(small + 2)]
    url, statuses = f"{world.base}/oauth/device_authorization", []
    for holder in publics:
        headers = {"DPoP": Device(world).proof("POST", url)}
        statuses.append(world.post("device_authorization", {"client_id": holder.id}, headers=headers).status_code)
    assert statuses == [200] * small + [429] * 2
    device = Device(world)
    assert device.call(device.token(world.holder())).status_code == 200


def test_who_has_to_wait_is_not_counted_again_before(small: int) -> None:
    """A counter may keep a place even for what it refuses."""
    asked = 0

    class Asked(Memory):
        def take(self, *given: Any) -> Any:
            nonlocal asked
            asked += 1
            return super().take(*given)

    clock = Clock()
    once = Once(Asked(), clock)
    for number in range(small):
        assert once.take("dpop", "key", str(number), clock.time() + 60, 120, "holder")
    for _ in range(100):
        with pytest.raises(TooMany) as many:
            once.take("dpop", "key", "more", clock.time() + 60, 120, "holder")
    assert asked == small + 1
    assert many.value.retry >= 1
    assert once.take("dpop", "key", "other", clock.time() + 60, 120, "another holder")
