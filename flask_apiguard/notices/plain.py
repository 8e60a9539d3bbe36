"""Notifiers that need nothing: one that tells the log, one that tells nobody."""

from __future__ import annotations

import logging

from ..contracts import Notice

_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "critical": logging.ERROR}
log = logging.getLogger("flask_apiguard.notices")


class LogNotifier:
    """Writes subject and key to the log ``flask_apiguard.notices``; the text stays in the outbox."""

    name = "log"

    def send(self, notice: Notice) -> None:
        """One line, whatever the notice contains."""
        said = notice.subject.encode("ascii", "backslashreplace").decode()
        key = notice.key.encode("ascii", "backslashreplace").decode()
        line = "".join(sign if sign.isprintable() else " " for sign in f"{said} ({key})")
        log.log(_LEVELS.get(notice.severity, logging.INFO), "%s", line)


class NullNotifier:
    """Tells nobody: notices stay in the outbox, where the console shows them."""

    name = "null"

    def send(self, notice: Notice) -> None:
        """Nothing to do."""
