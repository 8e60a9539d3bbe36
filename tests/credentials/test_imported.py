"""A host's own keys go on working, by their hashes."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from flask_apiguard.clients import Client
from flask_apiguard.contracts import Presented
from flask_apiguard.credentials import Credential, Entry, ImportedKeyType, Kind, import_hashed, revoke
from flask_apiguard.errors import Conflict, Denied, Invalid
from flask_apiguard.values import Reason
from tests.credentials.house import BY, DAY, House, request

OLD = "sk_live_51H8example"


def taken(house: House, client: Client, *entries: Entry) -> list[Credential]:
    made: list[Credential] = house.write(
        lambda tx: import_hashed(house.keys, house.secrets, tx, BY, client.id, entries, "moved in")
    )
    return made


def hashed(text: str, algorithm: str = "sha256", encoding: str = "hex") -> str:
    raw = hashlib.new(algorithm, text.encode()).digest()
    if encoding == "hex":
        return raw.hex()
    return (base64.b64encode if encoding == "base64" else base64.urlsafe_b64encode)(raw).decode()


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("encoding", ["hex", "base64", "urlsafe"])
@pytest.mark.parametrize("header", ["Authorization", "X-API-Key"])
def test_an_imported_key_opens_what_its_client_may(house: House, algorithm: str, encoding: str, header: str) -> None:
    client = house.client()
    entry = Entry("old", hashed(OLD, algorithm, encoding), algorithm, "hex" if encoding == "hex" else "base64")
    made = taken(house, client, entry)[0]
    caller = house.identify(OLD, header)
    assert (caller.client and caller.client.id, caller.credential_id) == (client.id, made.id)
    assert caller.credential_kind == "imported_key"
    assert house.identify(OLD, header) is caller


def test_before_any_import_no_other_text_is_looked_up_and_after_it_every_process_knows(any_house: House) -> None:
    other = House(any_house.url)
    kind = next(kind for kind in other.types if isinstance(kind, ImportedKeyType))
    assert kind.read(request({"X-API-Key": OLD})) is None
    taken(any_house, any_house.client(), Entry("old", hashed(OLD)))
    other.watch._looked = 0.0  # as if the interval had passed
    other.watch._tried = 0.0
    assert kind.read(request({"X-API-Key": OLD})) == Presented("imported_key", OLD)
    assert kind.read(request({"X-API-Key": other.format.make_client_secret().text})) is None, "ours is never the host's"
    assert kind.read(request({"X-API-Key": "acme_at_broken"})) is None
    assert other.identify(OLD)
    other.close()


def test_keys_of_different_algorithms_live_together(house: House) -> None:
    first, second = house.client(), house.client()
    taken(house, first, Entry("a", hashed("one", "sha256"), "sha256"))
    assert house.identify("one")
    taken(house, second, Entry("b", hashed("two", "sha512"), "sha512"))
    assert [caller.client.id for caller in map(house.identify, ("one", "two")) if caller.client] == [
        first.id,
        second.id,
    ]
    with pytest.raises(Denied) as caught:
        house.identify("three")
    assert caught.value.decision.reason is Reason.CREDENTIAL_UNKNOWN


def test_a_host_s_hash_is_no_key_and_is_not_stored(house: House) -> None:
    taken(house, house.client(), Entry("old", hashed(OLD)))
    with pytest.raises(Denied):
        house.identify(hashed(OLD))
    with house.store.read() as conn:
        for table in ("apiguard_credential", "apiguard_ledger"):
            stored = "".join(str(row) for row in conn.exec_driver_sql(f"SELECT * FROM {table}"))
            assert hashed(OLD) not in stored
    assert hashed(OLD) not in repr(Entry("old", hashed(OLD)))


def test_an_imported_key_ends_and_is_rotated_into_one_of_ours(house: House) -> None:
    made = taken(house, house.client(), Entry("old", hashed(OLD), expires=house.clock.now() + 9 * DAY))[0]
    assert house.identify(OLD)
    new, secret = house.write(lambda tx: house.keys.rotate(tx, BY, made.id, DAY))
    assert new.kind is Kind.API_KEY
    assert dict(house.identify(OLD).headers)["Sunset"]
    house.write(lambda tx: revoke(tx, BY, made.id, "done"))
    with pytest.raises(Denied) as caught:
        house.identify(OLD)
    assert caught.value.decision.reason is Reason.CREDENTIAL_REVOKED
    assert house.identify(secret)


def test_an_import_may_be_repeated_but_not_for_somebody_else(house: House) -> None:
    client = house.client()
    entry = Entry("old", hashed(OLD))
    first = taken(house, client, entry, entry)
    assert first[0] == first[1]
    assert taken(house, client, entry)[0].id == first[0].id
    with pytest.raises(Conflict):
        taken(house, house.client(), entry)


@pytest.mark.parametrize(
    ("facts", "pointer"),
    [
        ({"hash": "abc"}, "/entries/1/hash"),
        ({"hash": hashed(OLD) + "00"}, "/entries/1/hash"),
        ({"hash": hashed(OLD, encoding="base64")}, "/entries/1/hash"),
        ({"encoding": "base32"}, "/entries/1/hash"),
        ({"hash": "é" * 64}, "/entries/1/hash"),
        ({"hash": "=" * 44, "encoding": "base64"}, "/entries/1/hash"),
        ({"algorithm": "md5"}, "/entries/1/algorithm"),
        ({"algorithm": "sha512"}, "/entries/1/hash"),
        ({"name": ""}, "/entries/1/name"),
        ({"expires": 0}, "/entries/1/expires"),
    ],
)
def test_one_bad_entry_and_nothing_is_imported(house: House, facts: dict[str, Any], pointer: str) -> None:
    if "expires" in facts:
        facts = {"expires": house.clock.now() - DAY}
    with pytest.raises(Invalid) as caught:
        taken(house, house.client(), Entry("fine", hashed("x")), Entry(**{"name": "bad", "hash": hashed(OLD), **facts}))
    assert [flaw.pointer for flaw in caught.value.decision.flaws] == [pointer]
    with house.store.read() as conn:
        assert conn.exec_driver_sql("SELECT count(*) FROM apiguard_credential").scalar() == 0
