"""``doctor``: each finding is seen to be found, and in a sound house nothing is."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_apiguard.access.scopes import Scope, put_scope
from flask_apiguard.cli.common import operator
from flask_apiguard.cli.doctor import findings
from flask_apiguard.cli.findings import Kind, Look, Severity, keeping
from flask_apiguard.db import EVENTS, STATE, make_engine
from flask_apiguard.events.tables import event_spool
from flask_apiguard.migrations import create

from .conftest import Run
from .provoked import (
    AWAY,
    ISSUER,
    PROVOKED,
    SECRET,
    SERVER,
    SHARED,
    careful,
    careless,
    client_of,
    drilled,
    entered,
    exempt,
    fixed,
    fixed_inside,
    house_of,
    in_exempt_blueprint,
    migrating,
    misspelt,
    nothing,
    own_limiter,
    protected,
    public_key,
    signing,
    waiting,
    with_plan,
    wrapped,
)
from .shop import make

SOUND = {
    "APIGUARD_BASE_URL": ISSUER, "APIGUARD_ISSUER": ISSUER, "APIGUARD_TRUSTED_PROXIES": ["10.0.0.2"],
    "APIGUARD_MAIL_URL": "smtp://localhost", "APIGUARD_MAIL_FROM": "api@example.org", "APIGUARD_DEFAULT_PLAN": "free",
    "TRUSTED_HOSTS": ["api.example.org"],
}  # fmt: skip
#: What SQLite does by itself is somebody's task on PostgreSQL.
OF_ITSELF = {Kind.STORE_BEHIND, Kind.STORE_EMPTY}
Found = Callable[..., dict[str, Severity]]


@pytest.fixture
def found(tmp_path: Path) -> Iterator[Found]:
    """What the doctor finds in an app with these settings: name and severity."""
    apps: list[Flask] = []

    def finds(
        change: Callable[[Flask], object] = nothing, deploy: bool = False, shut: bool = False, **config: Any
    ) -> dict[str, Severity]:
        here = {
            n: v.format(folder=tmp_path) if isinstance(v, str) and "{folder}" in v else v for n, v in config.items()
        }
        app = make(**{"INSTANCE_PATH": str(tmp_path), "APIGUARD_SECRET": SECRET, **here})
        apps.append(app)
        house = house_of(app)
        if not shut:
            house.store.open()
            house.events_store.open()
        change(app)
        return {one.name: one.severity for one in findings(Look(house, deploy))}

    yield finds
    for app in apps:
        house_of(app).close()


def sound(app: Flask) -> None:
    """Everything done that is told before going live."""
    house = house_of(app)
    app.wsgi_app = ProxyFix(app.wsgi_app)  # type: ignore[method-assign]
    house.options.host_user = lambda: None
    with_plan(app)
    with house.store.write() as tx:
        ann = house.people.register(tx, "ann@example.org", "Ann")
    person = house.people.prove(ann.proof).person
    with house.store.write() as tx:
        house.people.give_seat(tx, operator(), person.id, None, "administrator")
    client = client_of(app, redirect_uris=("https://app.example/cb",))
    with house.store.write() as tx:
        house.keys.create(tx, operator(), client, name="fresh")
    signing(app)
    public_key(app, 300)
    drilled(app)
    with house.store.write() as tx:
        house.ledger.checkpoint(tx)


def test_in_a_sound_house_nothing_is_found_even_where_it_serves(found: Found) -> None:
    assert found(sound, deploy=True, **SOUND) == {}


def test_every_kind_of_finding_is_provoked_by_an_app() -> None:
    elsewhere = {Kind.CLOCK_SKEW}
    assert set(PROVOKED) | elsewhere == set(Kind)


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=[pytest.mark.sqlite] if kind in OF_ITSELF else [], id=kind.slug) for kind in PROVOKED],
)
def test_what_is_wrong_is_found_and_judged_by_where_it_stands(
    found: Found, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind is Kind.LEDGER_LONG:
        monkeypatch.setattr(keeping, "ENTRIES_AT_MOST", 0)
    way = PROVOKED[kind]
    serving = found(way.change, deploy=True, shut=way.shut, **way.config)
    named = {Kind.STORE_BEHIND: Severity.NOTE}  # on SQLite
    assert serving[kind.slug] == named.get(kind, kind.serving)


@pytest.mark.parametrize(
    "kind",
    [kind for kind in PROVOKED if kind.desk is not kind.serving and kind is not Kind.TRUSTED_HOSTS],
    ids=lambda kind: kind.slug,
)
def test_what_is_fine_at_a_desk_is_said_there_more_softly(found: Found, kind: Kind) -> None:
    way = PROVOKED[kind]
    assert found(way.change, shut=way.shut, **way.config)[kind.slug] == kind.desk


def test_numbers_are_unique_and_names_stand_in_the_order_of_numbers() -> None:
    numbers = [kind.number for kind in Kind]
    assert numbers == sorted(set(numbers))
    assert all(re.fullmatch(r"AG[1-9][0-9]{2}", number) for number in numbers)


@pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.slug)
def test_every_kind_says_why_and_what_mends_it(kind: Kind) -> None:
    assert kind.title
    assert kind.why.endswith(".")
    assert kind.fix
    assert re.fullmatch(r"|((BCP \d+ \()?RFC \d+\)?(, sections? [\d.]+( and [\d.]+)?)?(; )?)+", kind.standard)


@pytest.mark.sqlite
def test_a_fresh_app_has_no_error_and_says_what_comes_next(run: Run) -> None:
    answer = run("doctor")
    assert answer.status == 0, answer.out
    assert re.search(r"^AG\d{3} NOTE store-empty: ", answer.out, re.MULTILINE)
    assert "fix   flask apiguard init" in answer.out


def test_what_is_about_to_serve_is_judged_by_what_the_environment_says(program: Run) -> None:
    deploy = program("doctor", "--deploy", "--json", FLASK_DEBUG="1", APIGUARD_MODE="observe")
    assert deploy.status == 1
    assert [one["severity"] for one in deploy.json["findings"]] == sorted(
        (one["severity"] for one in deploy.json["findings"]), key=[one.value for one in Severity].index
    )
    assert {"AG109", "AG208"} <= {one["number"] for one in deploy.json["findings"]}
    assert deploy.json["errors"] == sum(one["severity"] == "error" for one in deploy.json["findings"])


def test_every_finding_says_what_why_fix_and_where(run: Run) -> None:
    for one in run("doctor", "--deploy", "--json").json["findings"]:
        assert all(one[name] for name in ("number", "name", "what", "why", "fix", "source")), one


def test_the_exit_status_goes_by_the_severity_that_one_cares_for(run: Run) -> None:
    assert run("doctor").status == 0
    assert run("doctor", "--fail-on", "note").status == 1
    assert run("doctor", "--deploy", "--fail-on", "warning").status == 1
    assert run("doctor", "--fail-on", "nothing").status == 2


def test_an_observing_gate_that_ends_by_itself_may_be_deployed(found: Found) -> None:
    ends = {"APIGUARD_MODE": "observe", "APIGUARD_OBSERVE_UNTIL": "2999-01-01"}
    assert found(deploy=True, **ends)["mode-observe"] == "warning"


@pytest.mark.parametrize(
    ("name", "value"),
    [("WEB_CONCURRENCY", "4"), ("GUNICORN_CMD_ARGS", "--bind=x --workers=3"), ("GUNICORN_CMD_ARGS", "-w 2")],
)
def test_memory_counters_beside_many_workers_are_an_error(
    found: Found, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    assert found(APIGUARD_COUNTERS_URL="memory://")["counters-memory"] == "error"
    assert "counters-memory" not in found()


def test_the_hosts_own_limiter_in_memory_is_found(found: Found) -> None:
    assert found(own_limiter)["counters-memory"] == "warning"


def test_proxyfix_may_stand_inside_or_outside_of_the_gate_but_outermost_of_the_rest(found: Found) -> None:
    def beneath(app: Flask) -> None:
        wrapped(app)
        fixed(app)

    assert "proxyfix-order" in found(fixed_inside)
    for change in (fixed, beneath, nothing, wrapped):
        assert "proxyfix-order" not in found(change)


def test_csrf_protection_before_guarded_routes_is_found_until_they_are_exempt(found: Found) -> None:
    assert "csrf" not in found(exempt)
    for named in (False, True):
        assert "csrf" not in found(partial(in_exempt_blueprint, named=named))
    assert "csrf" not in found(protected, WTF_CSRF_ENABLED=False)


def test_flask_migrate_beside_our_tables_is_fine_when_it_leaves_them_alone(found: Found) -> None:
    assert "migrate-drops" not in found(careful, **SHARED)
    assert "migrate-drops" not in found(careless, SQLALCHEMY_DATABASE_URI=SHARED["SQLALCHEMY_DATABASE_URI"])


def test_a_filter_of_the_hosts_own_counts_by_what_it_says_of_our_tables(found: Found) -> None:
    def by_name(name: str | None, kind: str, _: object) -> bool:
        return not (kind == "table" and str(name).startswith("apiguard_"))

    def broken(*_: object) -> bool:
        raise LookupError("no such thing")

    assert "migrate-drops" in found(migrating(include_object=lambda *_: True), **SHARED)
    assert "migrate-drops" in found(migrating(include_name=lambda *_: True), **SHARED)
    assert "migrate-drops" in found(
        migrating(include_object=lambda obj, name, *_: name != "apiguard_scope"), **SHARED
    )  # fmt: skip
    assert "migrate-drops" not in found(migrating(include_name=by_name), **SHARED)
    assert "migrate-drops" not in found(migrating(include_name=by_name, include_object=lambda *_: True), **SHARED)
    told = found(migrating(include_object=broken), **SHARED)
    assert "migrate-drops" not in told
    assert told["unknown"] == "error"


def test_a_unix_socket_may_be_trusted_beside_addresses(found: Found) -> None:
    assert "proxies-unreadable" not in found(APIGUARD_TRUSTED_PROXIES=["unix:", "10.0.0.2"])
    assert "proxies-unreadable" in found(APIGUARD_TRUSTED_PROXIES=["unix:/run/app.sock"])


def test_an_app_under_a_prefix_is_fine_where_everything_says_so(found: Found, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = {"APIGUARD_ISSUER": f"{ISSUER}/shop", "APPLICATION_ROOT": "/shop", "APIGUARD_BASE_URL": f"{ISSUER}/shop/"}
    assert "issuer-mounted" not in found(**shop)
    assert "issuer-mounted" in found(**shop | {"APIGUARD_BASE_URL": ISSUER})
    assert "issuer-mounted" not in found(APIGUARD_BASE_URL=f"{ISSUER}/shop")
    monkeypatch.setenv("SCRIPT_NAME", "/shop")
    assert "issuer-mounted" not in found(**shop)
    assert found(**SERVER)["issuer-mounted"] == "warning"


def test_an_open_door_without_mail_is_an_error(found: Found) -> None:
    assert found(APIGUARD_ONBOARDING="open")["mail-missing"] == "error"


def test_without_an_authorization_server_nothing_is_said_of_one(found: Found) -> None:
    names = found(signing, APIGUARD_TOKEN_LIFETIME="2h", APIGUARD_REFRESH_LIFETIME="200d")
    assert not {"token-lifetime", "refresh-lifetime", "host-user-missing", "signing-key-old"} & set(names)


def test_a_scope_that_nobody_declared_is_seen_before_there_is_a_store_and_not_while_it_is_away(found: Found) -> None:
    assert found(misspelt, shut=True)["scope-undeclared"] == "warning"
    assert "scope-undeclared" not in found(misspelt, shut=True, **AWAY)


def test_a_scope_that_an_operators_file_declares_is_declared(found: Found) -> None:
    def stored(app: Flask) -> None:
        misspelt(app)
        with house_of(app).store.write() as tx:
            put_scope(tx, operator(), Scope("orders:raed", "Read orders"))

    assert "scope-undeclared" not in found(stored)


def test_a_key_that_ends_soon_is_fine_when_its_successor_is_there(found: Found) -> None:
    def followed(app: Flask) -> None:
        from joserfc import jwk

        from flask_apiguard.oauth.public_keys import add_key

        client = client_of(app)
        with house_of(app).store.write() as tx:
            for days in (5, 300):
                given = jwk.ECKey.generate_key("P-256").as_dict(private=False)
                add_key(tx, operator(), client, given, lifetime=keeping.dt.timedelta(days=days))

    assert "public-key-ending" not in found(followed, **SERVER)


def test_a_host_whose_clock_is_not_the_stores_is_found(found: Found, postgres_url: str) -> None:
    engine = make_engine(postgres_url)
    create(engine, STATE)
    create(engine, EVENTS)
    engine.dispose()
    assert "clock-skew" not in found(APIGUARD_DATABASE_URL=postgres_url)

    def late(app: Flask) -> None:
        house_of(app).clock.advance(60)

    assert found(late, APIGUARD_DATABASE_URL=postgres_url)["clock-skew"] == "error"


def what_is_said(tmp_path: Path, **config: Any) -> dict[str, Any]:
    """Finding by name, in an app that nobody has called yet."""
    app = make(INSTANCE_PATH=str(tmp_path / "instance"), **config)
    found = {one.name: one for one in findings(Look(house_of(app), True))}
    house_of(app).close()
    return found


def test_a_secret_that_is_not_there_yet_is_not_named_as_if_it_were(tmp_path: Path) -> None:
    path = tmp_path / "instance" / "apiguard.secret"
    assert what_is_said(tmp_path)["secret-self-made"].what == f"The secret will be self-made: {path}."
    assert not path.parent.exists(), "the doctor makes nothing"


@pytest.mark.sqlite
def test_each_folder_that_can_not_be_written_is_said_once_with_what_names_another(tmp_path: Path) -> None:
    (tmp_path / "instance").write_text("no folder")
    (tmp_path / "file").write_text("no folder")
    app = make(INSTANCE_PATH=str(tmp_path / "instance"), APIGUARD_SPOOL=str(tmp_path / "file" / "spool"))
    said = [one for one in findings(Look(house_of(app), True)) if one.name == "folder-unwritable"]
    assert [one.source for one in said] == [str(tmp_path / "instance"), str(tmp_path / "file" / "spool")]
    assert said[0].fix.endswith("set APIGUARD_DATABASE_URL and APIGUARD_SECRET and APIGUARD_COUNTERS_URL.")
    assert said[1].fix.endswith("set APIGUARD_SPOOL.")
    house_of(app).close()


@pytest.mark.sqlite
def test_what_mends_a_store_that_is_away_is_not_to_ask_the_doctor(tmp_path: Path) -> None:
    away = {"APIGUARD_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "APIGUARD_SECRET": SECRET}
    assert what_is_said(tmp_path, **away)["store-away"].fix == "Start PostgreSQL, or correct APIGUARD_DATABASE_URL."
    (tmp_path / "instance").mkdir()
    (tmp_path / "instance" / "apiguard.db").write_bytes(b"rubbish" * 1000)
    finding = what_is_said(tmp_path)["store-away"]
    assert finding.what == f"{tmp_path}/instance/apiguard.db can't be used (file is not a database)."
    assert "restore it" in finding.fix


def test_a_store_that_is_away_is_an_error_and_no_traceback(tmp_path: Path) -> None:
    app = make(
        APIGUARD_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none", APIGUARD_SECRET=SECRET,
        INSTANCE_PATH=str(tmp_path),
    )  # fmt: skip
    answer = app.test_cli_runner().invoke(args=["apiguard", "doctor"])
    assert answer.exit_code == 1, answer.exception
    assert "store-away" in answer.stdout


def test_room_that_is_allocated_ahead_is_no_event_that_waits(found: Found) -> None:
    def taken_over(app: Flask) -> None:
        waiting(app)
        (left,) = (Path(app.instance_path) / "apiguard-spool").iterdir()
        size = left.stat().st_size
        with left.open("ab") as file:
            file.write(b"\n" * 10 + bytes(4096))
        os.utime(left, (time.time() - 3600, time.time() - 3600))
        with house_of(app).events_store.write() as tx:
            tx.execute(event_spool.insert().values(name=left.name, place=size, moved_at=tx.now))

    assert "spool-waits" not in found(taken_over)


def test_a_ledger_of_today_need_not_be_signed_yet(found: Found) -> None:
    assert "checkpoint-old" not in found(entered)
