"""Each check passing and failing, alone; then what running and waiving them does."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_apiguard.access import Grant, Scope
from flask_apiguard.clients import Application, Client
from flask_apiguard.contracts import OnboardingCheck, Registry
from flask_apiguard.credentials import Credential, Kind
from flask_apiguard.errors import ConfigurationError, Conflict, Forbidden, Invalid, Missing
from flask_apiguard.onboarding import Dossier, ReviewPolicy, registry_of
from flask_apiguard.onboarding.checks.network import flaw_of, is_private_use
from flask_apiguard.values import By, Environment, Evidence, Happening, Standing, State, Verdict

from .house import DAY, FACTS, OPERATOR, House

NOW = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
GOOD = Application(
    "app_1", "org_1", created_at=NOW, moved_at=NOW, state=State.SANDBOX, contact_proved_at=NOW, reference="customer:1",
    requested_plan="gold", addresses=("192.0.2.0/28",), **FACTS,
)  # fmt: skip
CLIENT = Client("cli_1", "app_1", Environment.SANDBOX, "Acme", Standing.ACTIVE, NOW)
KEY = Credential("cred_1", "cli_1", Kind.API_KEY, "one", "…", NOW, "per_1", NOW + 90 * DAY)
DOSSIER = Dossier(
    GOOD,
    NOW,
    known_scopes={"orders:read": Scope("orders:read")},
    clients=(CLIENT,),
    credentials={"cli_1": (KEY,)},
    grants=(Grant("grt_1", "app_1", Environment.PRODUCTION, "orders:read", NOW),),
    owners=frozenset({"per_1"}),
    plans=frozenset({"gold"}),
    exercised=frozenset({"orders:read"}),
    lifetimes={"sandbox": 90 * 86400, "production": 365 * 86400},
)


def told(**facts: Any) -> Dossier:
    return replace(DOSSIER, application=replace(GOOD, **facts))


BAD = [
    ("contact-proved", told(contact_proved_at=None), Verdict.WAITING),
    ("contact-proved", told(contact_proved_at=None, contact_email=""), Verdict.FAILED),
    ("contact-domain", told(contact_email="x@mailinator.com"), Verdict.FAILED),
    ("contact-domain", told(contact_email="x@deep.sub.MAILINATOR.com"), Verdict.FAILED),
    ("contact-domain", told(contact_email="No-Reply+shop@acme.example"), Verdict.FAILED),
    ("contact-domain", told(contact_email="ann@server.local"), Verdict.FAILED),
    ("owner-seated", replace(DOSSIER, owners=frozenset()), Verdict.FAILED),
    ("purpose", told(purpose="test test test test test test"), Verdict.FAILED),
    ("purpose", told(purpose=""), Verdict.FAILED),
    ("reference", replace(told(reference=None), policy=ReviewPolicy(reference_in_production=True)), Verdict.FAILED),
    ("redirect-uris", told(redirect_uris=("https://acme.example/cb", "javascript:alert(1)")), Verdict.FAILED),
    ("addresses", told(addresses=("0.0.0.0/0",)), Verdict.FAILED),
    ("addresses", told(addresses=("::/0",)), Verdict.FAILED),
    ("addresses", told(addresses=("the office",)), Verdict.FAILED),
    ("addresses", told(addresses=("224.0.0.1",)), Verdict.FAILED),
    ("addresses", told(addresses=tuple(f"192.0.2.{n}" for n in range(101))), Verdict.FAILED),
    ("scopes-known", told(requested_scopes={"moon:read": "to look at the moon"}), Verdict.FAILED),
    ("scopes-known", told(requested_scopes={}), Verdict.FAILED),
    ("scopes-explained", told(requested_scopes={"orders:read": "need it"}), Verdict.FAILED),
    ("plan", told(requested_plan="platinum"), Verdict.FAILED),
    ("least-privilege", replace(DOSSIER, exercised=frozenset()), Verdict.FAILED),
    (
        "credential-expiry",
        replace(DOSSIER, credentials={"cli_1": (replace(KEY, expires_at=NOW + 900 * DAY),)}),
        Verdict.FAILED,
    ),
    ("credentials-unshared", replace(DOSSIER, shared={"cred_1": ("cli_9",)}), Verdict.FAILED),
]
PARTS = {part.name: part for part in registry_of()}


@pytest.mark.parametrize("name", list(PARTS))
def test_a_good_application_passes(name: str) -> None:
    assert isinstance(PARTS[name], OnboardingCheck)
    found = PARTS[name].examine(DOSSIER)
    assert (found.verdict, found.fix) == (Verdict.PASSED, "")
    assert found.detail


@pytest.mark.parametrize(("name", "dossier", "verdict"), BAD)
def test_a_bad_one_does_not_and_is_told_the_fix(name: str, dossier: Dossier, verdict: Verdict) -> None:
    found = PARTS[name].examine(dossier)
    assert found.verdict is verdict
    assert found.detail.endswith(".")
    assert found.fix.endswith(".")


def test_every_check_is_seen_to_fail() -> None:
    assert {name for name, _, _ in BAD} == set(PARTS)
    assert len(PARTS) >= 10


def test_an_invited_application_needs_nobody_of_its_own() -> None:
    invited = replace(
        told(invited=True, contact_email="", contact_proved_at=None), owners=frozenset(), exercised=frozenset()
    )
    assert {part.examine(invited).verdict for part in PARTS.values()} == {Verdict.PASSED}


def test_the_proved_address_of_a_member_proves_the_contact() -> None:
    known = replace(told(contact_proved_at=None), proved_addresses=frozenset({"integration@acme.example"}))
    assert PARTS["contact-proved"].examine(known).verdict is Verdict.PASSED


@pytest.mark.parametrize(
    "uri",
    [
        "https://acme.example/cb",
        "https://acme.example:8443/cb?x=1",
        "http://127.0.0.1/cb",
        "http://127.0.0.1:5000/cb",
        "http://[::1]:5000/cb",
        "com.acme.app:/cb",
        "com.acme.my-app:/oauth2/cb?x=1",
        "io.github.acme:/",
    ],
)
def test_a_safe_redirect_uri_passes(uri: str) -> None:
    assert flaw_of(uri) == ""


@pytest.mark.parametrize(
    "uri",
    [
        "javascript:alert(1)", "javascript://x/%0aalert(1)", "JAVASCRIPT:alert(1)", "data:text/html,x", "vbscript:x",
        "file:///etc/passwd", "https://*.acme.example/cb", "https://acme.example/*", "http://acme.example/cb",
        "http://localhost/cb", "http://127.0.0.1.evil.example/cb", "http://127.1/cb", "https://acme.example/cb#x",
        "https://user@acme.example/", "https://acme.example@evil.example/", "https://", "https:///cb", "/cb",
        "https:acme.example", "acme:/cb", "myapp://cb", "com.acme.app:cb", "com.acme.app://cb", "com.acme.app:///cb",
        "com.acme.app:/cb#x", "com.acme.app:/../cb", "com.acme.app:/%2e%2e/cb", "COM.acme.app:/cb", "com.:/cb",
        "com..app:/cb", "com.-app:/cb", ".com:/cb", "z39.50:/cb", "com.acme.app:/a b", "com.acme.app:/cb[", "com.app:",
        "javascript:/alert(1)", "data:/text/html,x", "vbscript:/x", "file:/etc/passwd", "blob:/x", "about:/blank",
        "intent:/x", "https:/cb", "http:/cb", "com.äcme:/cb", "com.acme+x:/cb", "view-source:/x", "ms-settings:/x",
        "https://acme.example\\@evil.example/", "https://acme.example/a b",
        "https://acme.example/a/../b", "https://acme.example/%2e%2e/b", "https://[::1", "https://acme.example:0/",
        "https://acme.example:99999/", "https://äcme.example/", "https://acme.example/\n", "", "x" * 3000, 7, None,
        {"a": 1}, ["https://acme.example/cb"],
    ],
)  # fmt: skip
def test_a_redirect_uri_that_leads_elsewhere_does_not(uri: object) -> None:
    assert flaw_of(uri)


@given(st.text(max_size=60))
def test_any_text_is_judged_and_only_https_loopback_and_domains_turned_around_pass(text: str) -> None:
    for uri in (text, "https://" + text, "http://127.0.0.1" + text):
        if not flaw_of(uri) and not is_private_use(uri):
            assert uri.lower().startswith(("https://", "http://127.0.0.1"))
            assert not set("#@*\\ ") & set(uri.partition("?")[0])


@given(st.from_regex(r"[A-Za-z][A-Za-z0-9+.-]{0,30}", fullmatch=True), st.text(max_size=40))
def test_a_scheme_is_an_apps_own_only_as_a_domain_turned_around_with_one_slash(scheme: str, rest: str) -> None:
    for uri in (f"{scheme}:{rest}", f"{scheme}:/{rest}", f"com.{scheme}:/{rest}"):
        if flaw_of(uri) or not is_private_use(uri):
            continue
        parts = urlsplit(uri)
        assert parts.netloc == ""
        assert parts.fragment == ""
        assert parts.scheme == uri.partition(":")[0]
        labels = parts.scheme.split(".")
        assert len(labels) >= 2
        assert all(label and label[0] != "-" and label[-1] != "-" for label in labels)
        assert labels[0].isalpha()
        assert parts.path.startswith("/")
        assert not parts.path.startswith("//")
        assert uri.isascii()
        assert uri.isprintable()


@given(st.sampled_from(["javascript", "data", "vbscript", "file", "blob", "about", "http", "https", "intent", "ws"]),
       st.text(max_size=40))  # fmt: skip
def test_a_scheme_that_runs_or_reads_something_is_never_an_apps_own(scheme: str, rest: str) -> None:
    for uri in (f"{scheme}:{rest}", f"{scheme}:/{rest}", f"{scheme.upper()}:/{rest}"):
        assert not is_private_use(uri)
        assert flaw_of(uri) or uri.lower().startswith(("https://", "http://"))


def test_a_bad_redirect_uri_is_not_even_kept(house: House, acme: str, ann: By) -> None:
    with pytest.raises(Invalid) as caught:
        house.draft(ann, acme, redirect_uris=("https://acme.example/cb", "data:text/html,x"))
    assert [flaw.pointer for flaw in caught.value.decision.flaws] == ["/redirect_uris/1"]
    made = house.draft(ann, acme)
    with pytest.raises(Invalid):
        house.do(house.onboarding.edit, ann, made.id, {"redirect_uris": ("http://evil.example/",)})
    assert house.application(made.id).redirect_uris == made.redirect_uris


def test_behind_the_draft_nothing_is_written_that_a_check_would_have_kept_out(house: House, acme: str, ann: By) -> None:
    made = house.draft(ann, acme)
    house.sandbox(ann, made.id)
    with pytest.raises(Conflict, match="would no longer hold"):
        house.do(house.onboarding.edit, ann, made.id, {"addresses": ("0.0.0.0/0",)})
    edited = house.do(house.onboarding.edit, ann, made.id, {"addresses": ("192.0.2.0/28",)})
    assert edited.addresses == ("192.0.2.0/28",)
    assert house.application(made.id).addresses == ("192.0.2.0/28",)


def test_the_contact_is_proved_by_the_code_from_the_mail_only(house: House, acme: str, ann: By) -> None:
    made = house.do(house.onboarding.register, ann, acme, FACTS)
    house.do(house.onboarding.send_contact_proof, ann, made.id)
    (mail,) = house.notices("contact:")
    assert mail.to == ["integration@acme.example"]
    code = mail.text.split("\n\n")[1]
    for wrong in ("", "1-2", code[:-1], "9" + code, "é", code + "0"):
        with pytest.raises(Invalid):
            house.do(house.onboarding.prove_contact, ann, made.id, wrong)
    assert house.do(house.onboarding.prove_contact, ann, made.id, code).contact_proved_at is not None

    house.do(house.onboarding.edit, ann, made.id, {"contact_email": "other@acme.example"})
    with pytest.raises(Invalid):
        house.do(house.onboarding.prove_contact, ann, made.id, code)
    house.clock.advance(4 * 86400)
    with pytest.raises(Invalid):
        house.do(house.onboarding.prove_contact, ann, made.id, code)


def test_results_are_kept_with_evidence_and_in_the_ledger(house: House, acme: str, ann: By) -> None:
    made = house.draft(ann, acme, purpose="stuff")
    before = house.read(house.onboarding.checks_of, made.id)
    assert {one.verdict for one in before} == {Verdict.WAITING}
    assert len(before) == len(PARTS)
    house.do(house.onboarding.run_checks, ann, made.id)
    found = {one.name: one for one in house.read(house.onboarding.checks_of, made.id)}
    assert found["purpose"].blocks
    assert found["purpose"].facts["expected"] == "at least 20"
    assert not found["redirect-uris"].blocks
    ((_, text),) = house.entries(Happening.ONBOARDING_CHECK_RUN)
    assert '"purpose":"failed"' in text
    assert "integration@acme.example" not in text


def test_no_address_of_a_person_enters_the_proofs(house: House, acme: str, ann: By) -> None:
    made = house.draft(ann, acme, contact_email="someone.personal@mailinator.com")
    with pytest.raises(Conflict):
        house.sandbox(ann, made.id)
    for happening in (Happening.ONBOARDING_MOVE_REFUSED, Happening.ONBOARDING_CHECK_RUN):
        assert all("someone.personal" not in text for _, text in house.entries(happening))


class Broken:
    name, title, before = "broken", "It always breaks", ("enter_sandbox",)

    def examine(self, application: Dossier) -> Evidence:
        raise RuntimeError("the other service is away")


def test_a_hosts_check_that_breaks_opens_nothing(house: House, acme: str, ann: By) -> None:
    house.onboarding.checks.add(Broken())
    made = house.draft(ann, acme)
    with pytest.raises(Conflict, match="broken: The check could not be run"):
        house.sandbox(ann, made.id)


def test_a_taken_name_is_refused_at_start() -> None:
    with pytest.raises(ConfigurationError):
        registry_of([PARTS["purpose"]])
    assert isinstance(registry_of([Broken()]), Registry)


# Waivers


def test_a_waiver_counts_from_the_second_person_on_and_ends(
    house: House, acme: str, ann: By, rita: By, rob: By
) -> None:
    made = house.draft(ann, acme, purpose="stuff")
    until = house.clock.now() + 10 * DAY
    waiver = house.do(house.onboarding.waive, rita, made.id, "purpose", "told us by telephone", until)
    with pytest.raises(Conflict):
        house.sandbox(ann, made.id)
    with pytest.raises(Conflict, match="another person"):
        house.do(house.onboarding.second, rita, waiver.id)
    house.do(house.onboarding.second, rob, waiver.id)
    with pytest.raises(Conflict, match="seconded already"):
        house.do(house.onboarding.second, rob, waiver.id)

    house.do(house.onboarding.run_checks, ann, made.id)
    found = {one.name: one for one in house.read(house.onboarding.checks_of, made.id)}
    assert (found["purpose"].verdict, found["purpose"].blocks) == (Verdict.FAILED, False)
    house.clock.advance(11 * 86400)
    with pytest.raises(Conflict, match="purpose"):
        house.sandbox(ann, made.id)
    assert len(house.entries(Happening.ONBOARDING_CHECK_WAIVED)) == 2


def test_a_waiver_lets_in_while_it_lasts(house: House, acme: str, ann: By, rita: By, rob: By) -> None:
    made = house.draft(ann, acme, purpose="stuff")
    waiver = house.do(house.onboarding.waive, rita, made.id, "purpose", "by telephone", house.clock.now() + DAY)
    house.do(house.onboarding.second, rob, waiver.id)
    house.sandbox(ann, made.id)
    assert house.application(made.id).state is State.SANDBOX


def test_nobody_waives_for_their_own_house_without_reason_or_end(
    house: House, acme: str, ann: By, rita: By, rob: By
) -> None:
    made = house.draft(ann, acme, purpose="stuff")
    until = house.clock.now() + DAY
    own = house.also(house.person("ron", "reviewer"), "developer", acme)
    for by, error in ((ann, Forbidden), (own, Forbidden), (OPERATOR, Forbidden)):
        with pytest.raises(error):
            house.do(house.onboarding.waive, by, made.id, "purpose", "please", until)
    for reason, end in ((" ", until), ("why", house.clock.now()), ("why", until + 400 * DAY)):
        with pytest.raises(Invalid):
            house.do(house.onboarding.waive, rita, made.id, "purpose", reason, end)
    with pytest.raises(Missing):
        house.do(house.onboarding.waive, rita, made.id, "no-such", "why", until)
    with pytest.raises(Missing):
        house.do(house.onboarding.second, rob, "wai_nothing")
    assert len(house.entries(Happening.ONBOARDING_REVIEW_REFUSED)) == 7
