"""One suite for each contract. A new part, ours or a stranger's, passes it by a one-line subclass.

class TestMySink(EventSinkSuite):
    def make(self):
        return MySink(...)
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from ..contracts import CredentialType, EventSink, Notice, Notifier, OnboardingCheck, Presented, SchemaKind
from ..errors import Denied
from ..values import Caller, Evidence, Flaw, Verdict

ODD_HEADERS = (
    "",
    " ",
    "Bearer",
    "Bearer ",
    "Bearer \xe9\xff",
    "Bearer " + "a" * 5000,
    "Basic YTpi",
    "\x00",
    "Bearer a, b",
)


def _request(headers: Mapping[str, str]) -> Request:
    environ = EnvironBuilder("/", headers=list(headers.items())).get_environ()
    return Request(environ)


class CredentialTypeSuite:
    """``make`` gives the part, ``good`` headers that prove somebody, ``bad`` headers that are its kind and wrong."""

    def make(self) -> CredentialType:
        """The part under test."""
        raise NotImplementedError

    def good(self) -> Mapping[str, str]:
        """Headers of a request that proves who calls."""
        raise NotImplementedError

    def bad(self) -> Mapping[str, str]:
        """Headers that are this part's kind, and wrong."""
        raise NotImplementedError

    def test_fulfils_the_contract(self) -> None:
        part = self.make()
        assert isinstance(part, CredentialType)
        assert part.name
        assert part.challenge().split()[0].isidentifier()

    def test_reads_nothing_from_a_request_without_a_credential(self) -> None:
        assert self.make().read(_request({})) is None

    def test_proves_who_calls(self) -> None:
        part = self.make()
        presented = part.read(_request(self.good()))
        assert presented is not None
        caller = part.verify(presented)
        assert isinstance(caller, Caller)
        assert caller

    def test_raises_for_what_is_its_kind_and_wrong(self) -> None:
        part = self.make()
        presented = part.read(_request(self.bad()))
        assert presented is not None, "wrong is not the same as not mine"
        assert self._refusal(part, presented) == 401

    @staticmethod
    def _refusal(part: CredentialType, presented: Presented) -> int | None:
        """The status that a credential is refused with; None when it is believed."""
        try:
            part.verify(presented)
        except Denied as error:
            return error.decision.reason.status
        return None

    def test_never_shows_the_secret(self) -> None:
        presented = self.make().read(_request(self.good()))
        assert presented is not None
        assert presented.secret not in repr(presented)

    def test_answers_odd_headers_without_failing(self) -> None:
        part = self.make()
        for value in ODD_HEADERS:
            try:
                presented = part.read(_request({"Authorization": value}))
                if isinstance(presented, Presented):
                    part.verify(presented)
            except Denied:
                continue


class EventSinkSuite:
    """``make`` gives a working sink; ``written`` what arrived where it writes to, as a list of event ids."""

    def make(self) -> EventSink:
        """The part under test."""
        raise NotImplementedError

    def written(self, sink: EventSink) -> list[str]:
        """Ids of the events that arrived."""
        raise NotImplementedError

    def events(self, *ids: str) -> list[dict[str, Any]]:
        """Events as a sink gets them."""
        return [{"id": name, "phase": "call", "time": "2026-01-01T00:00:00.000000Z", "status": 200} for name in ids]

    def test_fulfils_the_contract(self) -> None:
        sink = self.make()
        assert isinstance(sink, EventSink)
        assert sink.name
        assert isinstance(sink.required, bool)

    def test_writes_a_batch_whole_and_in_order(self) -> None:
        sink = self.make()
        sink.write(self.events("req_1", "req_2"))
        assert self.written(sink) == ["req_1", "req_2"]

    def test_takes_an_empty_batch(self) -> None:
        sink = self.make()
        sink.write([])
        assert self.written(sink) == []


class NotifierSuite:
    """``make`` gives a working notifier; ``delivered`` the subjects that arrived."""

    def make(self) -> Notifier:
        """The part under test."""
        raise NotImplementedError

    def delivered(self, notifier: Notifier) -> list[str]:
        """Subjects of what arrived."""
        raise NotImplementedError

    def notice(self, subject: str) -> Notice:
        """A notice to deliver."""
        return Notice(key="test", subject=subject, text="Something happened.", to=("a@example.com",))

    def test_fulfils_the_contract(self) -> None:
        notifier = self.make()
        assert isinstance(notifier, Notifier)
        assert notifier.name

    def test_delivers(self) -> None:
        notifier = self.make()
        notifier.send(self.notice("A subject"))
        assert self.delivered(notifier) == ["A subject"]

    def test_can_not_be_made_to_write_headers(self) -> None:
        notifier = self.make()
        notifier.send(self.notice("A subject\r\nBcc: everybody@example.com"))
        assert all("\n" not in subject for subject in self.delivered(notifier))


class OnboardingCheckSuite:
    """``make`` gives the check; ``passing`` and ``failing`` applications (dossiers) that it passes and fails."""

    def make(self) -> OnboardingCheck:
        """The part under test."""
        raise NotImplementedError

    def passing(self) -> Any:
        """What the check passes."""
        raise NotImplementedError

    def failing(self) -> Any:
        """What the check fails."""
        raise NotImplementedError

    def test_fulfils_the_contract(self) -> None:
        check = self.make()
        assert isinstance(check, OnboardingCheck)
        assert check.name
        assert check.title
        assert check.before

    def test_passes_with_evidence(self) -> None:
        evidence = self.make().examine(self.passing())
        assert isinstance(evidence, Evidence)
        assert evidence.verdict is Verdict.PASSED
        assert evidence.detail

    def test_fails_with_a_fix(self) -> None:
        evidence = self.make().examine(self.failing())
        assert evidence.verdict is not Verdict.PASSED
        assert evidence.detail
        assert evidence.fix
        json.dumps(dict(evidence.facts))


class SchemaKindSuite:
    """``make`` gives the kind, ``schema`` one of its schemas, ``good`` and ``bad`` documents for it."""

    def make(self) -> SchemaKind:
        """The part under test."""
        raise NotImplementedError

    def schema(self) -> Any:
        """A schema of this kind."""
        raise NotImplementedError

    def good(self) -> Any:
        """A document that fits."""
        raise NotImplementedError

    def bad(self) -> Any:
        """A document that does not."""
        raise NotImplementedError

    def test_fulfils_the_contract(self) -> None:
        kind = self.make()
        assert isinstance(kind, SchemaKind)
        assert kind.owns(self.schema())
        assert not kind.owns(object())

    def test_loads_what_fits(self) -> None:
        value, flaws = self.make().compile(self.schema()).load(self.good())
        assert not flaws
        assert value is not None

    def test_names_the_places_of_what_does_not_fit(self) -> None:
        value, flaws = self.make().compile(self.schema()).load(self.bad())
        assert value is None
        assert flaws
        assert all(isinstance(flaw, Flaw) and flaw.pointer.startswith(("", "/")) for flaw in flaws)

    def test_describes_itself(self) -> None:
        assert isinstance(self.make().compile(self.schema()).describe(), dict)
