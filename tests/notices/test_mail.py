"""Mail leaves over TLS, reads well in any program, and no text of anybody's becomes a header or an addressee."""

from __future__ import annotations

import datetime as dt
import email
import email.policy
import ipaddress
import socket
import ssl
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_apiguard.contracts import Notice
from flask_apiguard.errors import ConfigurationError
from flask_apiguard.notices import MailNotifier
from flask_apiguard.notices.message import address, message_of

SENDER = "guard@example.org"


class Inbox:
    """What the server took in: the envelope's addressees and the message; `refuse` are addresses it does not know."""

    def __init__(self) -> None:
        self.taken: list[tuple[list[str], EmailMessage]] = []
        self.refuse: set[str] = set()

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, to: str, options: Any) -> str:
        if to in self.refuse:
            return "550 unknown here"
        envelope.rcpt_tos.append(to)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self.taken.append((envelope.rcpt_tos, message))
        return "250 taken"


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The server's and the client's side of a certificate for this machine."""
    folder: Path = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail")])
    now = dt.datetime.now(dt.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = (
        builder.serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
    )
    builder = builder.add_extension(names, False).add_extension(x509.BasicConstraints(True, None), True)
    certificate = builder.sign(key, hashes.SHA256())
    file = folder / "mail.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cafile=str(file))


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


class Server(Controller):
    """On a port of the system's choosing; the controller reaches it by plain connection, whatever it speaks."""

    @property
    def url(self) -> str:
        return f"127.0.0.1:{self.server.sockets[0].getsockname()[1]}"  # type: ignore[union-attr]

    def _trigger_server(self) -> None:
        self.port = int(self.url.rpartition(":")[2])
        if self.ssl_context is None:
            super()._trigger_server()
        else:
            secured = ssl._create_unverified_context().wrap_socket(socket.socket())
            with secured:
                secured.connect(("127.0.0.1", self.port))
                secured.recv(64)


@pytest.fixture
def serve() -> Iterator[Any]:
    running: list[Server] = []

    def start(inbox: Inbox, **options: Any) -> str:
        server = Server(inbox, hostname="127.0.0.1", port=0, **options)
        server.start()
        running.append(server)
        return server.url

    yield start
    for server in running:
        server.stop()


def password(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    good = isinstance(data, LoginPassword) and (data.login, data.password) == (b"user@x", b"p:/ss")
    return AuthResult(success=good, handled=False)


NOTICE = Notice("key", "A key ends soon", "First <b>line</b>\nsecond\n\nThe end.", ("ann@example.org",))


def test_a_local_server_without_tls_takes_a_readable_message(inbox: Inbox, serve: Any) -> None:
    MailNotifier(f"smtp://{serve(inbox)}", SENDER).send(NOTICE)
    ((to, message),) = inbox.taken
    assert to == ["ann@example.org"]
    assert (message["Subject"], message["From"], message["To"]) == ("A key ends soon", SENDER, "ann@example.org")
    assert message["Auto-Submitted"] == "auto-generated"
    text, page = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert page is not None
    assert text.get_content().splitlines() == ["First <b>line</b>", "second", "", "The end."]
    assert "First &lt;b&gt;line&lt;/b&gt;<br>second</p><p>The end." in page.get_content()


def test_starttls_and_password_go_together(inbox: Inbox, serve: Any, contexts: Any) -> None:
    server, client = contexts
    options = {"tls_context": server, "require_starttls": True, "authenticator": password, "auth_required": True}
    url = serve(inbox, **options)
    MailNotifier(f"smtp://user%40x:p%3A%2Fss@{url}", SENDER, context=client).send(NOTICE)
    assert len(inbox.taken) == 1
    with pytest.raises(OSError, match="535"):
        MailNotifier(f"smtp://user%40x:wrong@{url}", SENDER, context=client).send(NOTICE)
    with pytest.raises(ssl.SSLCertVerificationError):
        MailNotifier(f"smtp://user%40x:p%3A%2Fss@{url}", SENDER).send(NOTICE)
    assert len(inbox.taken) == 1


def test_tls_from_the_start(inbox: Inbox, serve: Any, contexts: Any) -> None:
    server, client = contexts
    MailNotifier(f"smtps://{serve(inbox, ssl_context=server)}", SENDER, context=client).send(NOTICE)
    assert len(inbox.taken) == 1


def test_a_password_never_travels_without_tls(inbox: Inbox, serve: Any) -> None:
    url = serve(inbox, authenticator=password, auth_require_tls=False)
    with pytest.raises(OSError, match="STARTTLS"):
        MailNotifier(f"smtp://user%40x:p%3A%2Fss@{url}", SENDER).send(NOTICE)
    assert inbox.taken == []


def test_several_addressees_don_t_see_each_other_and_one_unknown_does_not_hold_up_the_rest(
    inbox: Inbox, serve: Any
) -> None:
    url = serve(inbox)
    inbox.refuse = {"gone@example.org"}
    to = ("ann@example.org", "gone@example.org", "bob@example.org")
    MailNotifier(f"smtp://{url}", SENDER).send(Notice("k", "s", "t", to))
    ((addressees, message),) = inbox.taken
    assert addressees == ["ann@example.org", "bob@example.org"]
    assert not any(one in str(message) for one in to)
    with pytest.raises(OSError):
        MailNotifier(f"smtp://{url}", SENDER).send(Notice("k", "s", "t", ("gone@example.org",)))


def test_a_notice_for_nobody_is_no_mail() -> None:
    MailNotifier("smtp://127.0.0.1:9", SENDER).send(Notice("k", "s", "t"))


def test_the_same_notice_has_the_same_message_id() -> None:
    notice = Notice("k", "s", "t", ("ann@example.org",), facts={"notice_id": "ntc_1"})
    assert message_of(notice, address(SENDER))["Message-ID"] == "<ntc_1@example.org>"


nasty = st.text(st.characters(exclude_categories=("Cs",)) | st.sampled_from("\r\n\0\t\u2028\x85:<>&=?"), max_size=80)


@settings(max_examples=60)
@given(nasty, nasty)
def test_no_text_becomes_a_header(subject: str, text: str) -> None:
    notice = Notice(
        "k", subject + "\r\nBcc: eve@example.org", text + "\r\n\r\nBcc: eve@example.org", ("a@example.org",)
    )
    found = email.message_from_bytes(message_of(notice, address(SENDER)).as_bytes(), policy=email.policy.default)
    wanted = ["subject", "from", "to", "date", "message-id", "auto-submitted", "mime-version", "content-type"]
    assert sorted(name.lower() for name, _ in found.items()) == sorted(wanted)
    assert len(list(found.iter_parts())) == 2  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "@b",
        "a@",
        "a@b, c@d",
        "a@b\r\nBcc: c@d",
        "a@b\n",
        "<a@b>",
        "Ann <a@b>",
        "a@b;c@d",
        "a b@c",
        '"x"@y',
        "a@b@c",
    ],
)
def test_what_is_no_single_address_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        address(text)


@pytest.mark.parametrize("url", ["", "mail.example.org", "http://x", "smtp://", "smtp://x:port", "smtp://[x"])
def test_a_url_that_can_t_be_read_says_how_it_is_written(url: str) -> None:
    with pytest.raises(ConfigurationError, match="smtp://USER"):
        MailNotifier(url, SENDER)


def test_the_password_is_not_shown() -> None:
    assert "secret" not in repr(MailNotifier("smtp://u:secret@mail.example.org", SENDER))


@pytest.mark.parametrize("sender", ["", "Guard", "a b@example.org", "a@b\r\nBcc: c@d"])
def test_a_sender_that_is_no_address_is_said_at_start(sender: str) -> None:
    with pytest.raises(ConfigurationError, match="APIGUARD_MAIL_FROM"):
        MailNotifier("smtp://mail.example.org", sender)
