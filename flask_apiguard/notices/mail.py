"""Notices by mail: SMTP with TLS, plain text with a plain HTML alternative."""

from __future__ import annotations

import html
import ipaddress
import logging
import re
import smtplib
import ssl
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid
from urllib.parse import unquote, urlsplit

from ..contracts import Notice
from ..errors import ConfigurationError

TIMEOUT = 15.0
_PORTS = {"smtp": 587, "smtps": 465}
_ADDRESS = re.compile(r"[^\s@<>(),;:\\\"\[\]\x00-\x1f\x7f]{1,64}@[^\s@<>(),;:\\\"\x00-\x1f\x7f]{1,255}")
_URL_FIX = "Write smtp://USER:PASSWORD@HOST:587 (STARTTLS) or smtps://USER:PASSWORD@HOST:465."
log = logging.getLogger("flask_apiguard.notices")


class MailNotifier:
    """Sends each notice to the addresses it names; a notice that names nobody is nobody's mail.

    ``url`` is ``smtp://`` (STARTTLS, demanded unless the server is this very machine) or ``smtps://`` (TLS from the
    start). A password never travels without TLS. ``context`` is for servers with certificates of one's own.

    :raises ConfigurationError: the URL or the sender's address can't be read.
    """

    name = "mail"
    #: It reaches the addressees and nobody else, so it may carry what is confidential.
    personal = True

    def __init__(self, url: str, sender: str, *, context: ssl.SSLContext | None = None) -> None:
        try:
            parts = urlsplit(url)
            port = parts.port or _PORTS[parts.scheme]
        except (KeyError, ValueError):
            raise ConfigurationError("APIGUARD_MAIL_URL can't be read.", _URL_FIX) from None
        if not parts.hostname:
            raise ConfigurationError("APIGUARD_MAIL_URL names no host.", _URL_FIX)
        self._host, self._port, self._secure = parts.hostname, port, parts.scheme == "smtps"
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._sender = address(sender)
        self._context = context

    def __repr__(self) -> str:
        return f"<MailNotifier {self._host}:{self._port}>"

    def send(self, notice: Notice) -> None:
        """Hand one message over to the server, for everybody named at once; nobody sees who else was told.

        :raises OSError: the server is away, or refused everybody (``smtplib.SMTPException``).
        """
        if not notice.to:
            return
        message = message_of(notice, self._sender)
        addresses = [one.addr_spec for one in map(address, notice.to)]
        context = self._context or ssl.create_default_context()
        with self._connect(context) as server:
            if not self._secure:
                self._upgrade(server, context)
            if self._user:
                server.login(self._user, self._password)
            refused = server.send_message(message, self._sender.addr_spec, addresses)
        if refused:
            log.warning("The mail server refused %d of %d addressees.", len(refused), len(addresses))

    def _connect(self, context: ssl.SSLContext) -> smtplib.SMTP:
        if self._secure:
            return smtplib.SMTP_SSL(self._host, self._port, timeout=TIMEOUT, context=context)
        return smtplib.SMTP(self._host, self._port, timeout=TIMEOUT)

    def _upgrade(self, server: smtplib.SMTP, context: ssl.SSLContext) -> None:
        server.ehlo()
        if server.has_extn("starttls"):
            server.starttls(context=context)
            server.ehlo()
        elif self._user or not _here(self._host):
            raise smtplib.SMTPNotSupportedError("the mail server offers no STARTTLS")


def _here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def address(text: str) -> Address:
    """One e-mail address, without a name.

    :raises ConfigurationError: it is none; nothing that could end a header or add an addressee gets through.
    """
    if not _ADDRESS.fullmatch(text):
        raise ConfigurationError(f"{text[:80]!r} is not an e-mail address.")
    try:
        return Address(addr_spec=text)
    except (ValueError, IndexError):
        raise ConfigurationError(f"{text[:80]!r} is not an e-mail address.") from None


def message_of(notice: Notice, sender: Address) -> EmailMessage:
    """The notice as a message; the subject is one line whatever it contains."""
    message = EmailMessage(policy=SMTP)
    message["Subject"] = " ".join("".join(one if one.isprintable() else " " for one in notice.subject).split())
    message["From"] = sender
    message["To"] = address(notice.to[0]) if len(notice.to) == 1 else "undisclosed-recipients:;"
    message["Date"] = formatdate(localtime=False)
    message["Message-ID"] = _message_id(notice, sender)
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: so that no holiday answer comes back
    text = "".join(one if one.isprintable() or one in "\n\t" else " " for one in notice.text).rstrip() + "\n"
    message.set_content(text)
    paragraphs = "".join(f"<p>{html.escape(part).replace(chr(10), '<br>')}</p>" for part in text.strip().split("\n\n"))
    title = html.escape(str(message["Subject"]))
    body = f'<!doctype html><html lang="en"><head><title>{title}</title></head><body>{paragraphs}</body></html>\n'
    message.add_alternative(body, subtype="html")
    return message


def _message_id(notice: Notice, sender: Address) -> str:
    """The same for the same notice, so that a message sent again after a crash is recognised as one."""
    known = notice.facts.get("notice_id")
    domain = sender.domain.encode("idna").decode() if not sender.domain.isascii() else sender.domain
    if isinstance(known, str) and re.fullmatch(r"[a-z0-9_]+", known):
        return f"<{known}@{domain}>"
    return make_msgid(domain=domain)
