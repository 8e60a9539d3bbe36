"""Mails that a call has queued leave at once: a link that lives for minutes can't wait for the next tick."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING
from weakref import WeakSet

if TYPE_CHECKING:
    from ..house import House

logger = logging.getLogger("flask_apiguard")
_lock = threading.Lock()
_busy: WeakSet[House] = WeakSet()


def post(house: House) -> None:
    """Deliver beside the requests, one thread for each house at a time. What fails waits for the tick."""
    if house.app.testing or all(one.name == "null" for one in house.outbox.notifiers):
        return
    with _lock:
        if house in _busy:
            return
        _busy.add(house)
    threading.Thread(target=_deliver, args=(house,), name="apiguard-post", daemon=True).start()


def _deliver(house: House) -> None:
    try:
        while house.outbox.deliver().sent:
            pass
    except Exception:
        logger.exception("notices could not be delivered; the next tick tries again")
    finally:
        with _lock:
            _busy.discard(house)
