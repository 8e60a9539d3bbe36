"""The store: our own engine, our own metadata, transactions that know what to do last.

Two schemas live here side by side, ``state`` and ``events``; each has its own migration history. On SQLite each
is a file of its own, created and upgraded under a lock at first use. On PostgreSQL both live in one database, and
only ``flask apiguard db upgrade`` changes it. Nothing is opened before first use, everything is reopened after a fork.
"""

from .columns import Instant, Json, OptionalJson, events_metadata, index_where, insert_into, metadata
from .engines import BUSY_SECONDS, make_engine, normal_url
from .single import Kept, kept
from .store import EVENTS, STATE, Schema, Store, Transaction

__all__ = [
    "BUSY_SECONDS",
    "EVENTS",
    "STATE",
    "Instant",
    "Json",
    "Kept",
    "OptionalJson",
    "Schema",
    "Store",
    "Transaction",
    "events_metadata",
    "index_where",
    "insert_into",
    "kept",
    "make_engine",
    "metadata",
    "normal_url",
]
