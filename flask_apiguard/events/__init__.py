"""Access events: one line per call, appended to a spool, shipped in chained batches, handed on to sinks."""

from ..settings import Setting, choice, optional_text, seconds
from .chain import Head, Verification
from .delivery import Lag
from .line import encode, parse
from .query import Page, Query, Summary
from .recorder import CLOSED, LOST, OPEN, Recorder
from .retention import Retained
from .sinks import JsonLinesSink, NullSink
from .telling import Observed

EVENTS_AWAY = Setting(
    "APIGUARD_EVENTS_AWAY",
    CLOSED,
    choice(CLOSED, OPEN),
    "What happens when a call can't be recorded: closed answers 503, open goes on and counts what is lost.",
)
RETENTION = Setting("APIGUARD_RETENTION", 90 * 86400, seconds, "How long access events are kept.")
ADDRESS_RETENTION = Setting(
    "APIGUARD_ADDRESS_RETENTION",
    30 * 86400,
    seconds,
    "How long an access event keeps its full address before it is cut to its /24 or /48 network.",
)
SPOOL = Setting[str | None](
    "APIGUARD_SPOOL",
    None,
    optional_text,
    "The folder in which processes spool access events; apiguard-spool in the instance folder unless set.",
)
SETTINGS = (ADDRESS_RETENTION, EVENTS_AWAY, RETENTION, SPOOL)

__all__ = [
    "ADDRESS_RETENTION",
    "CLOSED",
    "EVENTS_AWAY",
    "LOST",
    "OPEN",
    "RETENTION",
    "SETTINGS",
    "SPOOL",
    "Head",
    "JsonLinesSink",
    "Lag",
    "NullSink",
    "Observed",
    "Page",
    "Query",
    "Recorder",
    "Retained",
    "Summary",
    "Verification",
    "encode",
    "parse",
]
