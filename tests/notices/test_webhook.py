"""A notice is posted signed, to a real receiver, and whoever receives it can tell it from a forged or an old one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.wrappers import Request, Response

from flask_apiguard.clock import Clock
from flask_apiguard.contracts import Notice
from flask_apiguard.db import Store
from flask_apiguard.errors import ConfigurationError
from flask_apiguard.notices import Delivered, Outbox, WebhookNotifier, verify_signature
from flask_apiguard.settings import resolve

SECRET = "a secret that both sides know"


class Receiver:
    """A WSGI app that keeps what was posted and answers with ``status``."""

    def __init__(self) -> None:
        self.got: list[tuple[str, bytes]] = []
        self.status = 204

    def __call__(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        self.got.append((request.headers.get("Apiguard-Signature", ""), request.get_data()))
        return Response(status=self.status, headers={"Location": "/elsewhere"})(environ, start_response)


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


def test_a_notice_arrives_signed_and_without_addresses(
    receiver: Receiver, live_server: Callable[[Any], str], store: Store, clock: Clock, queue: Callable[..., str]
) -> None:
    clock.advance(1000)
    notifier = WebhookNotifier(live_server(receiver) + "/hook?x=1", SECRET, clock)
    notice_id = queue(to=("ann@example.org",), facts={"client": "cli_1"}, text="Zoë")
    assert Outbox(store, clock, [notifier]).deliver() == Delivered(sent=1)
    ((signature, body),) = receiver.got
    assert json.loads(body) == {
        "id": notice_id,
        "count": 1,
        "key": "key",
        "subject": "Something happened",
        "text": "Zoë",
        "severity": "info",
        "facts": {"client": "cli_1"},
    }
    assert b"ann@" not in body
    now = clock.time()
    assert verify_signature(SECRET, signature, body, now)
    assert not verify_signature(SECRET, signature, body + b" ", now)
    assert not verify_signature("another secret that nobody knows", signature, body, now)
    assert not verify_signature(SECRET, signature, body, now + 301)
    assert not verify_signature(SECRET, signature.replace("t=1", "t=2"), body, now)
    assert not verify_signature(SECRET, "", body, now)


@pytest.mark.parametrize("status", [302, 400, 410, 500])
def test_anything_but_a_2xx_is_tried_again(
    status: int,
    receiver: Receiver,
    live_server: Callable[[Any], str],
    store: Store,
    clock: Clock,
    queue: Callable[..., str],
) -> None:
    receiver.status = status
    outbox = Outbox(store, clock, [WebhookNotifier(live_server(receiver), SECRET, clock)])
    sent_id = queue()
    assert outbox.deliver() == Delivered(failed=1)
    receiver.status = 200
    clock.advance(31)
    assert outbox.deliver() == Delivered(sent=1)
    assert [json.loads(body)["id"] for _, body in receiver.got] == [sent_id, sent_id]


def test_a_receiver_that_is_away_is_a_failed_delivery(store: Store, clock: Clock, queue: Callable[..., str]) -> None:
    queue()
    outbox = Outbox(store, clock, [WebhookNotifier("http://127.0.0.1:9/", SECRET, clock)])
    assert outbox.deliver() == Delivered(failed=1)


@pytest.mark.parametrize(
    ("url", "secret"), [("ftp://x/", SECRET), ("http:///", SECRET), ("http://x:y/", SECRET), ("https://x/", "short")]
)
def test_what_can_t_work_is_said_at_start(url: str, secret: str) -> None:
    with pytest.raises(ConfigurationError):
        WebhookNotifier(url, secret, Clock())


def test_the_settings_make_the_notifiers_they_name() -> None:
    from flask_apiguard.notices import SETTINGS, notifiers_of

    def named(**config: str) -> list[str]:
        return [one.name for one in notifiers_of(resolve(config, SETTINGS, {}), Clock())]

    mail = {"APIGUARD_MAIL_URL": "smtp://mail.example.org", "APIGUARD_MAIL_FROM": "guard@example.org"}
    hook = {"APIGUARD_WEBHOOK_URL": "https://hooks.example.org/", "APIGUARD_WEBHOOK_SECRET": SECRET}
    assert named() == ["null"]
    assert named(**mail, **hook) == ["mail", "webhook"]
    for half in ("APIGUARD_MAIL_FROM", "APIGUARD_WEBHOOK_SECRET"):
        with pytest.raises(ConfigurationError, match=half):
            named(**{name: value for name, value in {**mail, **hook}.items() if name != half})


def test_a_notifier_does_not_show_its_secret() -> None:
    notifier = WebhookNotifier("https://hooks.example.org/T0KEN", SECRET, Clock())
    assert "T0KEN" not in repr(notifier)
    assert SECRET not in repr(notifier)


def test_a_notice_without_an_id_is_posted_too(receiver: Receiver, live_server: Callable[[Any], str]) -> None:
    WebhookNotifier(live_server(receiver), SECRET, Clock()).send(Notice("k", "s", "t"))
    assert json.loads(receiver.got[0][1])["id"] is None
