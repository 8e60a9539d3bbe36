"""What the open door sends to addresses that nobody has proved: few mails, few drafts, and codes for one reader."""

from __future__ import annotations

import dataclasses

import pytest

from flask_apiguard.errors import Conflict, Denied
from flask_apiguard.onboarding.door import DRAFTS_AT_MOST
from flask_apiguard.people.throttle import WINDOW
from flask_apiguard.values import By

from .house import FACTS, OPERATOR, House


def unproved(house: House, by: By, organization_id: str, email: str) -> str:
    """A draft that names somebody as its contact."""
    with house.store.write() as tx:
        return house.onboarding.register(tx, by, organization_id, {**FACTS, "contact_email": email}).id


def test_one_address_is_sent_few_codes(house: House, acme: str, ann: By) -> None:
    draft = unproved(house, ann, acme, "victim@else.example")
    for _ in range(5):
        house.do(house.onboarding.send_contact_proof, ann, draft)
    other = unproved(house, ann, acme, "victim@else.example")
    for one in (draft, other):
        with pytest.raises(Denied) as refused:
            house.do(house.onboarding.send_contact_proof, ann, one)
        assert refused.value.decision.reason.status == 429
    house.clock.advance(2 * WINDOW)
    house.do(house.onboarding.send_contact_proof, ann, draft)


@pytest.mark.parametrize("address", ["", "192.0.2.7"])
def test_one_person_causes_few_mails_to_whomever(house: House, acme: str, ann: By, address: str) -> None:
    by = dataclasses.replace(ann, address=address)
    drafts = [unproved(house, by, acme, f"victim{count}@else.example") for count in range(8)]
    for draft in drafts[:6]:
        for _ in range(5):
            house.do(house.onboarding.send_contact_proof, by, draft)
    with pytest.raises(Denied):
        house.do(house.onboarding.send_contact_proof, by, drafts[6])
    house.do(house.onboarding.send_contact_proof, OPERATOR, drafts[7])


def test_a_network_causes_few_mails_under_whatever_names(house: House, acme: str, ann: By) -> None:
    bob = house.person("bob", "owner", acme)
    drafts = [unproved(house, ann, acme, f"victim{count}@else.example") for count in range(7)]
    for at, draft in enumerate(drafts[:6]):
        for _ in range(5):
            who = dataclasses.replace((ann, bob)[at % 2], address="192.0.2.7")
            house.do(house.onboarding.send_contact_proof, who, draft)
    with pytest.raises(Denied):
        house.do(house.onboarding.send_contact_proof, dataclasses.replace(bob, address="192.0.2.7"), drafts[6])
    house.do(house.onboarding.send_contact_proof, dataclasses.replace(bob, address="192.0.2.8"), drafts[6])


def test_the_code_is_for_its_reader_alone(house: House, acme: str, ann: By) -> None:
    house.do(house.onboarding.send_contact_proof, ann, unproved(house, ann, acme, "desk@acme.example"))
    assert [row.confidential for row in house.notices("contact:")] == [True]


def test_an_organization_has_so_many_drafts_and_no_more(house: House, acme: str, ann: By) -> None:
    drafts = [unproved(house, ann, acme, "desk@acme.example") for _ in range(DRAFTS_AT_MOST)]
    with pytest.raises(Conflict, match="drafts"):
        unproved(house, ann, acme, "desk@acme.example")
    boss = house.also(house.person("boss", "administrator"), "viewer", house.organization("Other"))
    unproved(house, boss, acme, "desk@acme.example")
    for draft in drafts[:2]:
        house.do(house.onboarding.retire, ann, draft, "Not needed.")
    unproved(house, ann, acme, "desk@acme.example")
