"""A notice as a mail message: plain text with a plain HTML alternative, one line where one line belongs.

Apart from the notifier, because the standard library's mail package is slow to import and seldom needed.
"""

from __future__ import annotations

import html
import re
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid

from ..contracts import Notice
from ..errors import ConfigurationError

_ADDRESS = re.compile(r"[^\s@<>(),;:\\\"\[\]\x00-\x1f\x7f]{1,64}@[^\s@<>(),;:\\\"\x00-\x1f\x7f]{1,255}")


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
