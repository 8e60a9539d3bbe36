"""Who stands behind a request: proved once, remembered until a change, told why only after proof."""

from __future__ import annotations

import datetime as dt
import logging
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from flask_apiguard.clients import registry
from flask_apiguard.contracts import CredentialType, Presented, Registry
from flask_apiguard.credentials import Verifier, revoke, revoke_all
from flask_apiguard.errors import Denied
from flask_apiguard.values import ANONYMOUS, SYSTEM, ClientFacts, Entitlement, Environment, Reason, State
from tests.credentials.house import BY, DAY, HELD, House, request


def refusal(house: House, text: str, header: str = "Authorization") -> Reason:
    with pytest.raises(Denied) as caught:
        house.identify(text, header)
    return caught.value.decision.reason


@pytest.mark.parametrize("header", ["Authorization", "X-API-Key"])
def test_a_key_names_its_client_and_what_it_rests_on(any_house: House, header: str) -> None:
    client = any_house.client()
    credential, secret = any_house.key(client, scopes=frozenset({"orders:read", "admin"}))
    caller = any_house.identify(secret, header)
    found = any_house.write(lambda tx: registry.application(tx, client.application_id))
    assert caller.client == ClientFacts(
        client.id, found.id, found.organization_id, "Pay", Environment.PRODUCTION, "customer:42", "gold"
    )
    assert caller.scopes == {"orders:read"}, "a credential narrows, it never widens"
    assert caller.roles == {"partner"}
    assert (caller.credential_id, caller.credential_kind) == (credential.id, "api_key")
    assert caller.expires_at == credential.expires_at.timestamp()
    assert set(caller.subjects) == {
        f"credential:{credential.id}", f"client:{client.id}", f"application:{found.id}",
        f"organization:{found.organization_id}", "everything", "role:partner",
    }  # fmt: skip
    assert any_house.identify(secret, header) is caller, "the second time it is remembered"


def test_without_a_credential_nobody_calls_and_no_store_is_touched() -> None:
    house = House("postgresql://nobody@127.0.0.1:1/nowhere")
    assert house.verifier.identify(request()) == (ANONYMOUS, None)


def test_what_nobody_claims_is_unknown(house: House) -> None:
    assert refusal(house, "something-else") is Reason.CREDENTIAL_UNKNOWN
    assert refusal(house, house.format.make_key(Environment.SANDBOX).text) is Reason.CREDENTIAL_UNKNOWN
    assert refusal(house, house.format.make_client_secret().text) is Reason.CREDENTIAL_UNKNOWN
    with pytest.raises(Denied):
        house.verifier.identify(request({"Authorization": "Basic YTpi"}))


def test_a_client_secret_is_no_api_key(house: House) -> None:
    _, secret = house.key(house.client(), kind="client_secret")
    assert refusal(house, secret) is Reason.CREDENTIAL_UNKNOWN


def test_what_was_refused_has_a_fingerprint_too(house: House) -> None:
    for headers in ({"Authorization": "Bearer abc"}, {"X-API-Key": "abc"}):
        assert house.verifier.fingerprint_of(request(headers)) == house.secrets.fingerprint("abc")
    broken = house.verifier.fingerprint_of(request({"Authorization": "Bearer a,b"}))
    assert broken is not None
    assert len(broken) == 16
    assert house.verifier.fingerprint_of(request()) is None


def test_a_miscopied_key_is_refused_before_any_store_is_asked() -> None:
    house = House("postgresql://nobody@127.0.0.1:1/nowhere")
    whole = house.format.make_key(Environment.SANDBOX).text
    presented = Presented("api_key", whole[:-1])
    with pytest.raises(Denied) as caught:
        next(iter(house.types)).verify(presented)
    assert caught.value.decision.reason is Reason.CREDENTIAL_MALFORMED


def test_a_revoked_key_says_so_to_its_holder_only(any_house: House) -> None:
    credential, secret = any_house.key(any_house.client())
    assert any_house.identify(secret)
    any_house.write(lambda tx: revoke(tx, BY, credential.id, "leaked"))
    assert refusal(any_house, secret) is Reason.CREDENTIAL_REVOKED
    assert refusal(any_house, secret[:-8] + secret[-7:]) is Reason.CREDENTIAL_MALFORMED


def test_a_remembered_key_expires_on_the_clock(house: House) -> None:
    _, secret = house.key(house.client(), lifetime=DAY)
    assert house.identify(secret)
    house.clock.advance(86400 + 1)
    assert refusal(house, secret) is Reason.CREDENTIAL_EXPIRED


def test_an_ending_grant_is_looked_at_again(house: House) -> None:
    left = [Entitlement(HELD, expires_at=house.clock.time() + 60), Entitlement()]
    house = House(house.url, house.clock, lambda *_: left.pop(0))
    _, secret = house.key(house.client())
    assert house.identify(secret).scopes == HELD
    house.clock.advance(61)
    assert house.identify(secret).scopes == frozenset()
    house.close()


def test_a_rotated_key_announces_its_end_and_then_ends(house: House) -> None:
    credential, old = house.key(house.client())
    assert house.identify(old).headers == ()
    _, new = house.write(lambda tx: house.keys.rotate(tx, BY, credential.id, DAY))
    now = house.clock.now()
    headers = dict(house.identify(old).headers)
    assert headers["Deprecation"].startswith("@")
    assert abs(int(headers["Deprecation"][1:]) - now.timestamp()) < 5
    assert abs(parsedate_to_datetime(headers["Sunset"]) - now - DAY) < dt.timedelta(seconds=5)
    assert house.identify(new).headers == ()
    house.clock.advance(86401)
    assert refusal(house, old) is Reason.CREDENTIAL_EXPIRED
    assert house.identify(new)


@pytest.mark.parametrize(
    ("environment", "state", "reason"),
    [
        (Environment.SANDBOX, State.DRAFT, Reason.APPLICATION_NOT_READY),
        (Environment.SANDBOX, State.SANDBOX, None),
        (Environment.SANDBOX, State.PRODUCTION, None),
        (Environment.SANDBOX, State.RETIRED, Reason.SUBJECT_RETIRED),
        (Environment.PRODUCTION, State.DRAFT, Reason.APPLICATION_NOT_READY),
        (Environment.PRODUCTION, State.SANDBOX, Reason.APPLICATION_NOT_READY),
        (Environment.PRODUCTION, State.PRODUCTION, None),
        (Environment.PRODUCTION, State.RETIRED, Reason.SUBJECT_RETIRED),
    ],
)
@pytest.mark.parametrize("kind", ["key", "token"])
def test_a_client_acts_where_its_application_has_come_to(
    house: House, environment: Environment, state: State, reason: Reason | None, kind: str
) -> None:
    client = house.client(environment, State.PRODUCTION)
    secret = house.key(client)[1] if kind == "key" else token(house, client)
    assert house.identify(secret)
    house.write(lambda tx: registry.set_state(tx, client.application_id, state))
    if reason is None:
        assert house.identify(secret).environment is environment
    else:
        assert refusal(house, secret) is reason


@pytest.mark.parametrize("kind", ["key", "token"])
def test_a_suspended_client_stops_at_once_and_resumes_at_once(house: House, kind: str) -> None:
    client = house.client()
    secret = house.key(client)[1] if kind == "key" else token(house, client)
    assert house.identify(secret)
    house.write(lambda tx: registry.suspend(tx, SYSTEM, client.id, "odd traffic"))
    with pytest.raises(Denied) as caught:
        house.identify(secret)
    assert caught.value.decision.reason is Reason.CLIENT_SUSPENDED
    assert "odd traffic" not in str(caught.value), "the reviewer's words are not for the client"
    house.write(lambda tx: registry.resume(tx, SYSTEM, client.id, "cleared"))
    assert house.identify(secret)


def token(house: House, client: Any, **facts: Any) -> str:
    return str(house.write(lambda tx: house.tokens.issue(
        tx, client_id=client.id, environment=client.environment, scopes=["orders:read"], **facts
    ))[1])  # fmt: skip


def test_everything_of_a_retired_client_ends(house: House) -> None:
    client = house.client()
    secrets = [house.key(client)[1], token(house, client)]
    assert all(house.identify(secret) for secret in secrets)
    assert house.write(lambda tx: revoke_all(tx, BY, client.id, "retired")) == 1
    assert {refusal(house, secret) for secret in secrets} == {Reason.CREDENTIAL_REVOKED}


def test_a_stranger_s_type_is_asked_in_order_and_not_remembered_unless_it_says_so(house: House) -> None:
    class Badge:
        name = "badge"
        cacheable = False
        asked = 0

        def read(self, request: Any) -> Presented | None:
            text = request.headers.get("X-Badge")
            return None if text is None else Presented(self.name, text)

        def verify(self, presented: Presented) -> Any:
            self.asked += 1
            return ANONYMOUS

        def challenge(self) -> str:
            return "Badge"

    badge = Badge()
    house.types.add(badge)
    for _ in range(2):
        assert house.verifier.identify(request({"X-Badge": "7"}))[1] == "badge"
    assert badge.asked == 2
    assert house.verifier.challenges() == ['Bearer realm="acme"', "Badge"]


def test_a_type_that_stands_first_is_asked_although_the_key_beside_it_is_remembered(house: House) -> None:
    class Badge:
        name = "badge"
        cacheable = False

        def read(self, request: Any) -> Presented | None:
            text = request.headers.get("X-Badge")
            return None if text is None else Presented(self.name, text)

        def verify(self, presented: Presented) -> Any:
            return ANONYMOUS

        def challenge(self) -> str:
            return "Badge"

    _, secret = house.key(house.client())
    types = Registry[CredentialType]("credential type", lambda kind: kind.name, [Badge(), *house.types])
    verifier = Verifier(types, house.watch, house.secrets, house.clock)
    key = {"Authorization": f"Bearer {secret}"}
    for _ in range(2):
        assert verifier.identify(request(key))[1] == "api_key"
        assert verifier.identify(request(key | {"X-Badge": "7"}))[1] == "badge"


def test_what_is_remembered_of_a_header_holds_for_that_header_alone(house: House) -> None:
    _, secret = house.key(house.client())
    key = {"Authorization": f"Bearer {secret}"}
    assert house.verifier.identify(request(key))[1] == "api_key"
    with pytest.raises(Denied) as caught:
        house.verifier.identify(request(key | {"X-API-Key": secret[:-1] + "!"}))
    assert caught.value.decision.reason is Reason.CREDENTIAL_AMBIGUOUS
    with pytest.raises(Denied):
        house.verifier.identify(request({"Authorization": f"DPoP {secret}"}))


def test_however_many_blanks_stand_in_a_header_its_key_is_remembered_once(house: House) -> None:
    _, secret = house.key(house.client())
    spelled = [f"Bearer {' ' * blanks}{secret}{' ' * (blanks % 3)}" for blanks in range(50)]
    spelled += [f"bearer {secret}", f"Bearer {secret}\t"]
    found = [house.verifier.identify(request({"Authorization": text}))[0] for text in spelled]
    assert {caller.credential_id for caller in found} == {found[0].credential_id}
    assert len(house.verifier._memory) == 2, "as nearly all spell it, and for every other spelling"


def test_secrets_stay_out_of_every_representation_and_log(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    credential, secret = house.key(house.client())
    caller, presented = house.verifier.identify(request({"X-API-Key": secret}))[0], Presented("api_key", secret)
    body = secret.split("_")[3]
    made = house.format.make_key(Environment.SANDBOX)
    shown = repr([credential, caller, presented, house.verifier, house.keys, house.secrets, house.store])
    assert body not in shown
    assert made.text not in repr(made)
    fingerprint = house.verifier.fingerprint_of(request({"X-API-Key": secret}))
    assert fingerprint is not None
    assert body not in fingerprint
    assert len(fingerprint) == 16
    with pytest.raises(Denied) as caught:
        house.identify(secret[:-1])
    assert body not in caplog.text
    assert body not in repr(caught.value)
    with house.store.read() as conn:
        stored = "".join(str(row) for row in conn.exec_driver_sql("SELECT * FROM apiguard_credential"))
        entries = "".join(str(row) for row in conn.exec_driver_sql("SELECT * FROM apiguard_ledger"))
    assert credential.hint in stored
    assert body not in stored + entries
