"""Public keys and certificates that end are announced as credentials are: 30, 14, 7 and 1 days before."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from joserfc import jwk

from flask_apiguard.notices.outbox import notice
from flask_apiguard.oauth.certificate_names import KnownBy
from flask_apiguard.oauth.client_certificates import (
    ClientCertificate,
    add_certificate,
    by_name,
    revoke_certificate,
    rotate_certificate,
)
from flask_apiguard.oauth.public_keys import PublicKey, add_key, revoke_key
from flask_apiguard.values import SYSTEM
from tests.oauth.world import Holder, World, make_app

DAY = dt.timedelta(days=1)
ISSUER = "https://api.example"


@pytest.fixture(params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest) -> Iterator[World]:
    """Of this test alone: what was announced, and when, outlives a clock that is set back."""
    url = None if request.param == "sqlite" else request.getfixturevalue("ready_postgres_url")
    made = World(make_app(ISSUER, url), ISSUER)
    yield made
    made.house.close()


def key_of(world: World, holder: Holder, days: int) -> PublicKey:
    given = jwk.ECKey.generate_key("P-256").as_dict(private=False)
    with world.house.store.write() as tx:
        return add_key(tx, SYSTEM, holder.id, given, lifetime=days * DAY)


def certificate_of(world: World, holder: Holder, days: int) -> ClientCertificate:
    wanted = by_name(KnownBy.SAN_DNS, f"{holder.id}.example".replace("_", "-"))
    with world.house.store.write() as tx:
        return add_certificate(tx, SYSTEM, holder.id, wanted, lifetime=days * DAY)


def announced(world: World, about: str, days: int) -> list[tuple[int, str]]:
    """What a daily tick says of something, with the days that had passed."""
    said = []
    for day in range(days):
        said += [(day, line) for line in world.house.onboarding.tick() if about in line]
        world.house.clock.advance(DAY.total_seconds())
    return said


def mailed(world: World, about: str) -> list[Any]:
    with world.house.store.read() as conn:
        return list(conn.execute(sa.select(notice).where(notice.c.key.like(f"expiry:{about}:%"))))


def test_a_public_key_that_ends_is_announced(server: World) -> None:
    made = key_of(server, server.holder(), 60)
    said = announced(server, made.id, 61)
    assert said == [(60 - days, f"The public key {made.id} ends within {days} days.") for days in (30, 14, 7, 1)]
    (first, *_) = mailed(server, made.id)
    assert (first.subject, "of Pay <b> ends on" in first.text) == ("A public key is about to expire", True)


def test_a_certificate_that_ends_is_announced(server: World) -> None:
    made = certificate_of(server, server.holder(), 60)
    said = announced(server, made.id, 61)
    assert said == [(60 - days, f"The certificate {made.id} ends within {days} days.") for days in (30, 14, 7, 1)]


def test_what_was_revoked_or_replaced_is_left_in_peace(server: World) -> None:
    world, holder = server, server.holder()
    key, old = key_of(world, holder, 20), certificate_of(world, holder, 20)
    gone = certificate_of(world, world.holder(), 20)
    with world.house.store.write() as tx:
        revoke_key(tx, SYSTEM, key.id, "leaked")
        revoke_certificate(tx, SYSTEM, gone.id, "leaked")
        new = rotate_certificate(tx, SYSTEM, old.id, by_name(KnownBy.SAN_DNS, "next.example"), 10 * DAY)
    said = " ".join(world.house.onboarding.tick())
    assert not {key.id, gone.id, old.id} & set(said.replace(".", " ").split())
    with world.house.store.write() as tx:
        revoke_certificate(tx, SYSTEM, new.id, "leaked")
    assert f"The certificate {old.id} ends within 14 days." in world.house.onboarding.tick(), "its successor is gone"


def test_without_an_authorization_server_there_is_nothing_of_that_to_say() -> None:
    app = make_app(None)
    house = app.extensions["apiguard"]
    world = World(app, "")
    key_of(world, world.holder(), 10)
    assert [line for line in house.onboarding.tick() if "key" in line] == []
    house.close()
