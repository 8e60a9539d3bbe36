"""A client proves itself with its certificate: its own, in time, told by who may tell, and nothing beside it."""

from __future__ import annotations

import base64
import datetime as dt
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from flask_apiguard.clients import registry
from flask_apiguard.db import EVENTS, STATE, make_engine
from flask_apiguard.errors import Conflict
from flask_apiguard.migrations import create
from flask_apiguard.oauth.certificate_names import KnownBy
from flask_apiguard.oauth.certificates import Shown
from flask_apiguard.oauth.client_certificates import (
    ClientCertificate,
    Wanted,
    add_certificate,
    by_certificate,
    by_name,
    revoke_certificate,
    rotate_certificate,
)
from flask_apiguard.oauth.proved import NONE, Presented
from flask_apiguard.oauth.registrations import set_public
from flask_apiguard.oauth.token_formats import set_certificate_bound
from flask_apiguard.values import SYSTEM
from tests.oauth.authority import DAY, Held, alternatives, made
from tests.oauth.browser import Browser, wanted
from tests.oauth.work import calls_of
from tests.oauth.world import Holder, World, make_app, running

ASK = {"grant_type": "client_credentials"}
CN = "CN=payments,O=Acme,C=DE"
CA = made("CN=Acme Root", authority=True)


@pytest.fixture(scope="module")
def proxied_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Whoever calls is a known proxy."""
    folder: Path = tmp_path_factory.mktemp("proxied")
    with running(
        lambda base: make_app(base, f"sqlite:///{folder}/a.db", APIGUARD_TRUSTED_PROXIES=["127.0.0.1"])
    ) as world:
        yield world


@pytest.fixture
def proxied(proxied_server: World) -> World:
    return proxied_server.fresh()


@pytest.fixture(params=["sqlite", "postgresql"])
def any_proxied(request: pytest.FixtureRequest) -> Iterator[World]:
    """On SQLite, and on PostgreSQL."""
    if request.param == "sqlite":
        yield request.getfixturevalue("proxied")
        return
    url = request.getfixturevalue("postgres_url")
    engine = make_engine(url)
    for schema in (STATE, EVENTS):
        create(engine, schema)
    engine.dispose()
    with running(lambda base: make_app(base, url, APIGUARD_TRUSTED_PROXIES=["127.0.0.1"])) as world:
        yield world


def registered(world: World, holder: Holder, what: Wanted, **more: Any) -> ClientCertificate:
    with world.house.store.write() as tx:
        return add_certificate(tx, SYSTEM, holder.id, what, **more)


def pinned(world: World, held: Held) -> Holder:
    """A client with a certificate that it signed itself."""
    holder = world.holder()
    registered(world, holder, by_certificate(held.pem))
    return holder


def named(world: World, known_by: KnownBy, text: str) -> Holder:
    """A client with a name in certificates of an authority. Names are each client's own, so the last one's ends."""
    holder = world.holder()
    registered(world, holder, by_name(known_by, text))
    return holder


def ask(world: World, holder: Holder | str, headers: dict[str, str], **more: str) -> requests.Response:
    client_id = holder if isinstance(holder, str) else holder.id
    return world.post("token", {**ASK, "client_id": client_id, **more}, headers=headers)


def is_refused(answer: requests.Response) -> bool:
    return (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("form", ["escaped", "standard", "verified"])
def test_a_certificate_that_was_registered_proves_its_client(proxied: World, form: str) -> None:
    own = made("CN=me")
    holder = pinned(proxied, own)
    answer = ask(proxied, holder, getattr(own, form))
    assert answer.status_code == 200
    assert proxied.call(answer.json()["access_token"]).json()["client"] == holder.id


@pytest.mark.parametrize(
    ("known_by", "value", "names"),
    [
        (KnownBy.SAN_DNS, "pay.acme.example", {"dns": "pay.acme.example"}),
        (KnownBy.SAN_URI, "spiffe://acme/pay", {"uri": "spiffe://acme/pay", "dns": "other.example"}),
        (KnownBy.SAN_IP, "2001:DB8:0::7", {"ip": "2001:db8::7"}),
        (KnownBy.SAN_EMAIL, "Pay@acme.example", {"email": "Pay@acme.example"}),
    ],
)
def test_a_name_beside_the_subject_proves_its_client(
    proxied: World, known_by: KnownBy, value: str, names: dict[str, str]
) -> None:
    holder = named(proxied, known_by, value)
    assert ask(proxied, holder, made("CN=x", issuer=CA, names=alternatives(**names)).verified).status_code == 200
    assert is_refused(ask(proxied, holder, made("CN=x", issuer=CA).verified))
    assert is_refused(ask(proxied, holder, made(CN, issuer=CA).verified))


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("b.acme.example", {"dns": "*.acme.example"}),
        ("c.acme.example", {"dns": "C.acme.example"}),
        ("d.acme.example", {"dns": "d.acme.example."}),
        ("e.acme.example", {"dns": "e.acme.example.evil.example"}),
        ("f.acme.example", {"uri": "https://f.acme.example"}),
        ("g.acme.example", {"email": "g@g.acme.example"}),
        ("h.acme.example", {"dns": "x.h.acme.example"}),
    ],
)
def test_a_name_that_is_only_like_it_proves_nothing(proxied: World, value: str, names: dict[str, str]) -> None:
    holder = named(proxied, KnownBy.SAN_DNS, value)
    cn = made(f"CN={value}", issuer=CA, names=alternatives(**names))
    assert is_refused(ask(proxied, holder, cn.verified))


def test_the_whole_subject_counts_and_only_the_whole(proxied: World) -> None:
    holder = named(proxied, KnownBy.SUBJECT_DN, CN)
    assert ask(proxied, holder, made(CN, issuer=CA).verified).status_code == 200
    others = [
        "CN=payments", "O=Acme,CN=payments,C=DE", "CN=payments,O=acme,C=DE", "CN=payments,O=Acme,C=DE,CN=evil",
        "CN=payments,CN=payments,O=Acme,C=DE", "CN=payments\\,O\\=Acme\\,C\\=DE", "CN=payments+O=Acme,C=DE",
        "CN=payments\\00,O=Acme,C=DE", "OU=payments,O=Acme,C=DE",
    ]  # fmt: skip
    for other in others:
        assert is_refused(ask(proxied, holder, made(other, issuer=CA).verified)), other
        proxied.fresh()


def test_a_name_counts_only_in_a_certificate_whose_chain_was_followed(proxied: World) -> None:
    holder = named(proxied, KnownBy.SUBJECT_DN, "CN=followed")
    forged, real = made("CN=followed"), made("CN=followed", issuer=CA)
    for verdict in ({}, {"X-SSL-Client-Verify": "FAILED:self-signed certificate"}, {"X-SSL-Client-Verify": "NONE"},
                    {"X-SSL-Client-Verify": "success"}, {"X-SSL-Client-Verify": "SUCCESS,SUCCESS"}):  # fmt: skip
        assert is_refused(ask(proxied, holder, {**forged.escaped, **verdict})), verdict
        proxied.fresh()
    assert is_refused(ask(proxied, holder, real.standard))
    assert ask(proxied, holder, {**real.standard, "X-SSL-Client-Verify": "SUCCESS"}).status_code == 200


@pytest.mark.parametrize("endpoint", ["token", "par", "revoke", "introspect"])
def test_a_certificate_proves_its_client_at_every_endpoint(proxied: World, endpoint: str) -> None:
    own = made("CN=everywhere")
    holder = proxied.holder(redirect_uris=("https://app.example/cb",))
    registered(proxied, holder, by_certificate(own.pem))
    data = {**ASK, "token": "x", "client_id": holder.id}
    if endpoint == "par":
        data = {**wanted(holder), "client_id": holder.id}
    assert proxied.post(endpoint, data, headers=own.escaped).status_code in (200, 201)
    assert is_refused(proxied.post(endpoint, data, headers=made("CN=everywhere").escaped))
    assert is_refused(proxied.post(endpoint, data))


def test_a_user_is_asked_and_the_tokens_are_fetched_and_refreshed_by_certificate(proxied: World) -> None:
    own, other = made("CN=web"), made("CN=web")
    holder = proxied.holder(redirect_uris=("https://app.example/cb",))
    registered(proxied, holder, by_certificate(own.pem))
    code = Browser(proxied).code(holder)
    data = {
        "grant_type": "authorization_code", "code": code, "redirect_uri": "https://app.example/cb",
        "code_verifier": "v" * 43, "client_id": holder.id,
    }  # fmt: skip
    assert is_refused(proxied.post("token", data, headers=other.escaped))
    first = proxied.post("token", data, headers=own.escaped).json()
    again = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"], "client_id": holder.id}
    assert is_refused(proxied.post("token", again, headers=other.escaped))
    assert is_refused(proxied.post("token", again))
    assert proxied.post("token", again, headers=own.escaped).status_code == 200


def test_the_certificate_of_one_client_does_not_open_another(proxied: World) -> None:
    own = made("CN=mine")
    pinned(proxied, own)
    other = pinned(proxied, made("CN=other"))
    assert is_refused(ask(proxied, other, own.escaped))
    assert is_refused(ask(proxied, proxied.holder(), own.escaped))


def test_unknown_client_and_wrong_certificate_hear_exactly_the_same(proxied: World) -> None:
    holder = pinned(proxied, made("CN=known"))
    stranger = made("CN=stranger")
    wrong, unknown = ask(proxied, holder, stranger.verified), ask(proxied, "cli_nobody", stranger.verified)
    ignored = {"Date", "X-Request-Id"}
    told = [{name: value for name, value in one.headers.items() if name not in ignored} for one in (wrong, unknown)]
    assert (wrong.status_code, wrong.content, told[0]) == (unknown.status_code, unknown.content, told[1])
    (event,) = proxied.house.recorder.query.find(wrong.headers["X-Request-Id"])
    assert (event["client"], event["allowed"]) == (None, False)
    assert event["fingerprint"] is not None


@pytest.mark.parametrize("days", [31, -2])
def test_a_certificate_out_of_its_time_proves_nothing(proxied: World, days: int) -> None:
    own, issued = made("CN=late"), made(f"CN=late{days}", issuer=CA)
    holder, other = pinned(proxied, own), named(proxied, KnownBy.SUBJECT_DN, f"CN=late{days}")
    assert ask(proxied, holder, own.escaped).status_code == 200
    assert ask(proxied, other, issued.verified).status_code == 200
    proxied.house.clock.offset = days * 86400.0
    assert is_refused(ask(proxied, holder, own.escaped))
    assert is_refused(ask(proxied, other, issued.verified))


def test_a_token_ends_no_later_than_the_certificate_it_was_asked_for_with(proxied: World) -> None:
    own = made("CN=short", ends=dt.datetime.now(dt.UTC) + dt.timedelta(minutes=2))
    assert ask(proxied, pinned(proxied, own), own.escaped).json()["expires_in"] <= 120


@pytest.mark.parametrize("second", ["secret", "basic", "assertion"])
def test_a_certificate_beside_another_proof_is_refused_even_when_both_are_right(proxied: World, second: str) -> None:
    own = made("CN=both")
    holder = pinned(proxied, own)
    if second == "basic":
        answer = proxied.post("token", ASK, holder, own.escaped)
    elif second == "secret":
        answer = ask(proxied, holder, own.escaped, client_secret=holder.secret)
    else:
        from joserfc import jwk

        from flask_apiguard.oauth.public_keys import add_key
        from tests.oauth.test_assertions import TYPE, claims, signed

        key = jwk.ECKey.generate_key("P-256")
        with proxied.house.store.write() as tx:
            add_key(tx, SYSTEM, holder.id, key.as_dict(private=False))
        assertion = signed(key, claims(proxied, holder.id))
        data = {**ASK, "client_assertion": assertion, "client_assertion_type": TYPE}
        answer = proxied.post("token", data, headers=own.escaped)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert proxied.post("token", ASK, holder, made("CN=unknown").escaped).status_code == 200


def test_a_wrong_secret_beside_a_right_certificate_is_a_wrong_secret(proxied: World) -> None:
    own = made("CN=one")
    assert is_refused(ask(proxied, pinned(proxied, own), own.escaped, client_secret="acme_cs_wrong"))


@pytest.mark.parametrize(
    "dress",
    [
        lambda held: {**held.escaped, **held.standard},
        lambda held: {"Client-Cert": held.standard["Client-Cert"] + ", " + held.standard["Client-Cert"]},
        lambda held: {"Client-Cert": held.standard["Client-Cert"][1:-1]},
        lambda held: {"Client-Cert": held.standard["Client-Cert"] + ";a=b"},
        lambda held: {"X-SSL-Client-Cert": "junk" + held.escaped["X-SSL-Client-Cert"]},
        lambda held: {"X-SSL-Client-Cert": held.escaped["X-SSL-Client-Cert"] * 2},
        lambda held: {"X-SSL-Client-Cert": base64.b64encode(held.der).decode()},
        lambda held: {"X-SSL-Cert": held.escaped["X-SSL-Client-Cert"]},
        lambda held: {"X-Forwarded-Client-Cert": f'Cert="{held.escaped["X-SSL-Client-Cert"]}"'},
        lambda held: {"X_SSL_Client_Cert": held.escaped["X-SSL-Client-Cert"]},
        lambda held: {"SSL-Client-Cert": held.escaped["X-SSL-Client-Cert"]},
        lambda held: {"SSL_CLIENT_CERT": held.pem.replace("\n", " "), "SSL_CLIENT_VERIFY": "SUCCESS"},
    ],
)
def test_told_in_any_other_way_it_is_no_certificate(proxied: World, dress: Any) -> None:
    own = made("CN=dressed")
    assert is_refused(ask(proxied, pinned(proxied, own), dress(own)))


@pytest.mark.parametrize("form", ["escaped", "standard", "verified"])
@pytest.mark.parametrize("more", [{}, {"X-Forwarded-For": "127.0.0.1"}, {"Forwarded": "for=127.0.0.1"}])
def test_whoever_is_no_known_proxy_proves_nobody(world: World, form: str, more: dict[str, str]) -> None:
    own = made("CN=spoofed")
    assert is_refused(ask(world, pinned(world, own), {**getattr(own, form), **more}))


def test_a_certificate_that_is_revoked_while_a_token_is_made_makes_none(
    any_proxied: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, house = made("CN=late"), any_proxied.house
    holder, prove = pinned(any_proxied, own), house.oauth._proving._clients.prove

    def proved_too_early(shown: Presented) -> Any:
        found = prove(shown)
        assert found is not None
        with house.store.write() as tx:
            revoke_certificate(tx, SYSTEM, str(found.credential_id), "leaked")
        return found

    monkeypatch.setattr(house.oauth._proving._clients, "prove", proved_too_early)
    assert is_refused(ask(any_proxied, holder, own.escaped))


def test_two_certificates_work_beside_each_other_until_the_first_is_revoked(proxied: World) -> None:
    first, second = made("CN=1"), made("CN=2")
    holder = proxied.holder()
    old = registered(proxied, holder, by_certificate(first.pem))
    registered(proxied, holder, by_certificate(second.pem))
    tokens = [ask(proxied, holder, one.escaped).json()["access_token"] for one in (first, second)]
    with proxied.house.store.write() as tx:
        revoke_certificate(tx, SYSTEM, old.id, "lost")
    assert is_refused(ask(proxied, holder, first.escaped))
    assert ask(proxied, holder, second.escaped).status_code == 200
    assert [proxied.call(token).status_code for token in tokens] == [401, 200]


@pytest.mark.parametrize("overlap", [0, 3])
def test_a_successor_works_at_once_and_the_old_one_for_the_overlap(any_proxied: World, overlap: int) -> None:
    world, first, second = any_proxied, made("CN=old"), made("CN=new")
    holder = world.holder()
    old = registered(world, holder, by_certificate(first.pem))
    token = ask(world, holder, first.escaped).json()["access_token"]
    with world.house.store.write() as tx:
        rotate_certificate(tx, SYSTEM, old.id, by_certificate(second.pem), overlap * DAY, reason="yearly")
    assert ask(world, holder, second.escaped).status_code == 200
    assert ask(world, holder, first.escaped).status_code == (200 if overlap else 401)
    assert world.call(token).status_code == (200 if overlap else 401)
    world.house.clock.offset = (overlap * DAY).total_seconds() + 1
    assert is_refused(ask(world, holder, first.escaped))
    assert ask(world, holder, second.escaped).status_code == 200


def test_a_client_that_is_stopped_is_told_so_only_with_its_certificate(proxied: World) -> None:
    own = made("CN=stopped")
    holder = pinned(proxied, own)
    with proxied.house.store.write() as tx:
        registry.suspend(tx, SYSTEM, holder.id, "fraud")
    right, wrong = ask(proxied, holder, own.escaped), ask(proxied, holder, made("CN=stopped").escaped)
    assert is_refused(right)
    assert is_refused(wrong)
    assert right.json()["error_description"] != wrong.json()["error_description"]


def test_a_public_client_stays_one_whatever_certificate_comes_along(proxied: World) -> None:
    holder = proxied.holder(redirect_uris=("https://app.example/cb",))
    with proxied.house.store.write() as tx:
        set_public(tx, SYSTEM, holder.id, True)
        set_certificate_bound(tx, SYSTEM, holder.id, True)
    own = made("CN=phone")
    code = Browser(proxied).code(holder)
    data = {
        "grant_type": "authorization_code", "code": code, "redirect_uri": "https://app.example/cb",
        "code_verifier": "v" * 43, "client_id": holder.id,
    }  # fmt: skip
    tokens = proxied.post("token", data, headers=own.escaped).json()
    assert proxied.call(tokens["access_token"]).status_code == 401
    again = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": holder.id}
    assert proxied.post("token", again, headers=made("CN=thief").escaped).status_code == 400
    assert proxied.post("token", again, headers=own.escaped).status_code == 200


def test_the_certificate_stands_in_the_record_as_what_proved_the_client(proxied: World) -> None:
    own = made("CN=recorded")
    holder = proxied.holder()
    certificate = registered(proxied, holder, by_certificate(own.pem))
    answer = ask(proxied, holder, own.escaped)
    (event,) = proxied.house.recorder.query.find(answer.headers["X-Request-Id"])
    assert (event["client"], event["credential"], event["credential_kind"]) == (
        holder.id, certificate.id, "certificate",
    )  # fmt: skip


def test_one_of_many_registers_a_certificate_and_all_of_them_may_revoke_it(any_proxied: World) -> None:
    world, own = any_proxied, made("CN=raced")
    holders = [world.holder() for _ in range(8)]

    def register(holder: Holder, what: Wanted) -> ClientCertificate | None:
        try:
            return registered(world, holder, what)
        except Conflict:
            return None

    def revoke(certificate: ClientCertificate) -> bool:
        with world.house.store.write() as tx:
            return revoke_certificate(tx, SYSTEM, certificate.id, "raced").revoked_at is not None

    with ThreadPoolExecutor(8) as pool:
        for what in (by_certificate(own.pem), by_name(KnownBy.SUBJECT_DN, "CN=raced")):
            found = [one for one in pool.map(lambda one, what=what: register(one, what), holders) if one is not None]
            assert len(found) == 1
            assert all(pool.map(revoke, found * 8))
            subject = f"client:{found[0].client_id}"
            revoked = world.house.ledger.entries(subject=subject, happening="oauth:certificate:revoked").entries
            assert len([entry for entry in revoked if found[0].id in entry.text]) == 1


def test_what_another_process_revokes_proves_nothing_here(any_proxied: World) -> None:
    own = made("CN=elsewhere")
    holder = any_proxied.holder()
    certificate = registered(any_proxied, holder, by_certificate(own.pem))
    assert ask(any_proxied, holder, own.escaped).status_code == 200
    url = any_proxied.house.store.engine.url.render_as_string(hide_password=False)
    other = World(make_app(any_proxied.base, url), any_proxied.base)
    with other.house.store.write() as tx:
        revoke_certificate(tx, SYSTEM, certificate.id, "lost")
    other.house.close()
    time.sleep(0.1)  # twice the interval in which a process looks at PostgreSQL
    assert is_refused(ask(any_proxied, holder, own.escaped))


@pytest.mark.sqlite
def test_an_unknown_client_costs_as_much_as_a_wrong_certificate(
    proxied: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flask_apiguard.clients.watch.INODE_EVERY", float("inf"))  # what comes once in a second
    stranger = made("CN=stranger")

    def cost(client_id: str) -> Counter[str]:
        shown = Presented(NONE, client_id, certificate=Shown(stranger.certificate, False))

        def prove() -> None:
            assert proxied.house.oauth._proving._clients.prove(shown) is None

        return calls_of(prove)

    ids = (pinned(proxied, made("CN=known")).id, "cli_00000000000000000000000000")
    _, *others = [[cost(client_id) for client_id in ids] for _ in range(3)]  # the first makes what lasts
    for known, unknown in others:
        assert known["Cursor.execute"] == unknown["Cursor.execute"] > 0
        assert abs(known.total() - unknown.total()) < 0.05 * known.total(), "one comparison with what is registered"
