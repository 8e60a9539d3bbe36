"""What is on record of people: every change, nothing personal inside a proof, and mails that lead somewhere."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from flask_apiguard.crypto import Secrets
from flask_apiguard.ledger import Ledger
from flask_apiguard.ledger.tables import ledger
from flask_apiguard.people import SETTINGS, Origin, People
from flask_apiguard.settings import resolve
from flask_apiguard.values import HostUser

from .conftest import GOOD, OPERATOR, OTHER, House


def a_busy_day(house: House) -> None:
    people = house.people
    ann = house.member("ann.personal@example.com", "org_1", "owner")
    session = people.sign_in("ann.personal@example.com", GOOD, origin=Origin("192.0.2.77", "req_1"))
    people.change_password(session.secret, GOOD, OTHER)
    by = people.acting(ann.id)
    token = house.token(ann)
    house.tx(people.revoke_token, by, token.id)
    house.tx(people.invite, by, "bob.personal@example.com", "org_1", "viewer")
    bob = people.accept(house.mailed("bob.personal@example.com"), "Bob Personal", GOOD)
    offered = house.tx(people.invite, by, "eve.personal@example.com", "org_1", "viewer")
    house.tx(people.withdraw, by, offered.id)
    house.tx(people.take_seat, by, bob.person.id, "org_1", "viewer")
    people.sign_out(bob.secret)
    house.tx(people.disable, OPERATOR, bob.person.id)
    house.tx(people.enable, OPERATOR, bob.person.id)
    people.for_host_user(HostUser("host-personal", "Ann", "ann.personal@example.com", {"email_proved": True}))


def test_every_change_is_an_entry_and_the_chain_holds(house: House, tmp_path: Path) -> None:
    a_busy_day(house)
    assert set(house.happenings()) == {
        "people:address:proved", "people:host-user:linked", "people:invitation:accepted", "people:invitation:sent",
        "people:invitation:withdrawn", "people:password:changed", "people:person:created", "people:person:disabled",
        "people:person:enabled", "people:seat:given", "people:seat:taken", "people:session:ended",
        "people:session:opened", "people:token:created", "people:token:revoked",
    }  # fmt: skip
    book = Ledger(house.store, Secrets(b"x" * 32), house.clock, file=tmp_path / "checkpoints.jsonl")
    assert book.verify().ok


def test_no_entry_contains_an_address_a_name_or_a_secret(house: House) -> None:
    a_busy_day(house)
    with house.store.read() as conn:
        entries = "\n".join(conn.execute(sa.select(ledger.c.entry)).scalars())
    for private in ("personal", "Personal", "@example.com", "192.0.2.77", "laptop", "argon2", "acme_", GOOD):
        if private == "personal":
            entries = entries.replace('"personal":', "")
        assert private not in entries, private
    assert '"request_id":"req_1"' in entries


def test_a_mail_links_to_the_base_url_and_keeps_the_secret_out_of_logs(house: House) -> None:
    made = house.tx(house.people.register, "ann@example.com", "Ann", GOOD)
    assert f"https://api.example/apiguard/prove#{made.proof}\n" in house.post[-1].text
    assert house.post[-1].facts == {"confidential": True}


def test_without_a_base_url_the_mail_carries_the_bare_secret(house: House) -> None:
    people = People(house.store, Secrets(b"x" * 32), house.clock, house.people._desk.throttle)
    made = house.tx(people.register, "ann@example.com", "Ann", GOOD)
    assert f"\n\n{made.proof}\n\n" in house.post[-1].text


def test_the_settings_of_this_room_can_be_resolved() -> None:
    settings = resolve({"APIGUARD_SESSION_LIFETIME": "1h"}, SETTINGS, {})
    assert {setting.name: settings[setting] for setting in SETTINGS} == {
        "APIGUARD_BASE_URL": None,
        "APIGUARD_PERSON_TOKEN_LIFETIME": 90 * 86400,
        "APIGUARD_SESSION_LIFETIME": 3600,
    }
