"""Notices by mail: SMTP with TLS, plain text with a plain HTML alternative."""

from __future__ import annotations

import ipaddress
import logging
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from ..contracts import Notice
from ..errors import ConfigurationError

if TYPE_CHECKING:
    import smtplib
    import ssl

TIMEOUT = 15.0
_PORTS = {"smtp": 587, "smtps": 465}
_URL_FIX = "Write smtp://USER:PASSWORD@HOST:587 (STARTTLS) or smtps://USER:PASSWORD@HOST:465."
log = logging.getLogger("flask_apiguard.notices")


class MailNotifier:
    """Sends each notice to the addresses it names; a notice that names nobody is nobody's mail.

    ``url`` is ``smtp://`` (STARTTLS, demanded unless the server is this very machine) or ``smtps://`` (TLS from the
    start). A password never travels without TLS. ``context`` is for servers with certificates of one's own.

    :raises ConfigurationError: the URL can't be read, or the sender is no address.
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
        if "@" not in sender or not sender.isprintable() or " " in sender:
            raise ConfigurationError("APIGUARD_MAIL_FROM is not an e-mail address.")
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._sender = sender
        self._context = context

    def __repr__(self) -> str:
        return f"<MailNotifier {self._host}:{self._port}>"

    def send(self, notice: Notice) -> None:
        """Hand one message over to the server, for everybody named at once; nobody sees who else was told.

        :raises OSError: the server is away, or refused everybody (``smtplib.SMTPException``).
        """
        if not notice.to:
            return
        import ssl

        from .message import address, message_of

        message = message_of(notice, address(self._sender))
        addresses = [one.addr_spec for one in map(address, notice.to)]
        context = self._context or ssl.create_default_context()
        with self._connect(context) as server:
            if not self._secure:
                self._upgrade(server, context)
            if self._user:
                server.login(self._user, self._password)
            refused = server.send_message(message, self._sender, addresses)
        if refused:
            log.warning("The mail server refused %d of %d addressees.", len(refused), len(addresses))

    def _connect(self, context: ssl.SSLContext) -> smtplib.SMTP:
        import smtplib

        if self._secure:
            return smtplib.SMTP_SSL(self._host, self._port, timeout=TIMEOUT, context=context)
        return smtplib.SMTP(self._host, self._port, timeout=TIMEOUT)

    def _upgrade(self, server: smtplib.SMTP, context: ssl.SSLContext) -> None:
        import smtplib

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
