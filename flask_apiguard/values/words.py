"""The words for how things stand: where, how far, whether now."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Meant(StrEnum):
    """The base of enumerations whose names are read years later: each member says what it means."""

    meaning: str

    def __new__(cls, value: str, meaning: str) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member


class Environment(StrEnum):
    """Where a client lives. A client belongs to exactly one."""

    SANDBOX = "sandbox"
    PRODUCTION = "production"


class State(StrEnum):
    """How far an application may go."""

    DRAFT = "draft"
    SANDBOX = "sandbox"
    PRODUCTION = "production"
    RETIRED = "retired"


class Standing(StrEnum):
    """Whether a client may act now."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


class Mode(StrEnum):
    """Whether the gate's decisions bind, or are only taken down."""

    ENFORCE = "enforce"
    OBSERVE = "observe"


class Verdict(StrEnum):
    """How an automated check ended."""

    PASSED = "passed"
    FAILED = "failed"
    WAITING = "waiting"


class Phase(StrEnum):
    """Which moment of a call an access event records: a whole call, or the two ends of a stream."""

    CALL = "call"
    OPENED = "opened"
    CLOSED = "closed"


class Actor(StrEnum):
    """What kind of hand did something that is on record."""

    CLIENT = "client"
    OPERATOR = "operator"
    PERSON = "person"
    SYSTEM = "system"
    USER = "user"
