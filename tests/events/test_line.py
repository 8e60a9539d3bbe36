"""One event, one line, whatever a stranger sends."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_apiguard.events import encode, parse
from flask_apiguard.events.line import LONGEST, TIME, bare, is_whole, pieces, rfc3339
from flask_apiguard.values import AccessEvent, Phase

from .making import NOW, event

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
ANYTHING = st.text(st.characters(), max_size=40)
NUMBERS = st.integers(0, 2**62)


def events_of(texts: st.SearchStrategy[str]) -> st.SearchStrategy[AccessEvent]:
    """Any event whose texts are drawn from `texts`."""
    kinds: dict[str, st.SearchStrategy[Any]] = {
        "str": texts,
        "str | None": st.none() | texts,
        "bool": st.booleans(),
        "int": NUMBERS,
        "Phase": st.sampled_from(Phase),
        "float": st.floats(0, 4e9),
    }
    return st.builds(AccessEvent, **{field.name: kinds[str(field.type)] for field in dataclasses.fields(AccessEvent)})


@given(events_of(TEXTS))
def test_what_is_encoded_comes_back_with_its_time_in_microseconds(given_event: AccessEvent) -> None:
    expected = dataclasses.replace(given_event, time=round(given_event.time * 1_000_000) / 1_000_000)
    assert parse(encode(given_event)) == expected


@given(events_of(ANYTHING))
def test_a_line_is_printable_ascii_and_json_whatever_the_texts_hold(given_event: AccessEvent) -> None:
    line = encode(given_event)
    assert all(32 <= byte < 127 for byte in line)
    assert is_whole(line)
    fields = json.loads(line)
    # Both stores take every text in it: no NUL, no half of a surrogate pair.
    stored = "".join(value for value in fields.values() if isinstance(value, str))
    assert "\0" not in stored
    stored.encode("utf-8")
    assert line[TIME].decode() == fields["time"]


@given(events_of(ANYTHING), st.data())
def test_no_part_of_a_line_passes_for_a_whole_one(given_event: AccessEvent, data: st.DataObject) -> None:
    line = encode(given_event)
    cut = data.draw(st.integers(0, len(line) - 1))
    assert not is_whole(line[:cut])
    with pytest.raises(ValueError):
        parse(line[:cut])


@given(events_of(ANYTHING))
def test_the_bare_line_differs_in_address_and_peer_only(given_event: AccessEvent) -> None:
    line = encode(given_event)
    cut, whole = json.loads(bare(line)), json.loads(line)
    del whole["address"], whole["peer"]
    assert cut == whole
    assert is_whole(bare(line))
    assert bare(bare(line)) == bare(line)


def test_log_injection_stays_inside_one_line() -> None:
    hostile = 'a\r\nfake\x1b[31mred\x07\u2028\u202e\x7f"},{"id":"x","v":1}\ud800\0'
    line = encode(event(1, agent=hostile, path=hostile, need=hostile))
    assert b"\n" not in line
    assert b"\x1b" not in line
    assert parse(line).agent == hostile.replace("\ud800", "\\xd800").replace("\0", "\\x00")


def test_a_megabyte_of_agent_and_path_is_cut_and_never_remembered() -> None:
    from flask_apiguard.events import line as module

    long = "é" * 1_000_000
    parsed = parse(encode(event(1, agent=long, path=long, referer=long)))
    assert (len(parsed.agent), len(parsed.path), len(parsed.referer or "")) == (LONGEST,) * 3
    module.ending(long, long, long)
    assert all(len(text) <= LONGEST for key in (*module._endings, *module._origins) for text in key)


def test_what_is_remembered_is_bounded() -> None:
    from flask_apiguard.events import line as module

    for number in range(module._KEPT_AT_MOST + 10):
        encode(event(number, address=f"address {number}", client=f"client {number}"))
        module.ending(f"agent {number}", "192.0.2.1", "")
    assert 0 < max(len(module._origins), len(module._endings)) <= module._KEPT_AT_MOST


def test_the_fields_and_their_order_are_fixed() -> None:
    assert " ".join(json.loads(encode(event(1)))) == (
        "time id phase method route endpoint organization application client environment credential "
        "credential_kind first_party mode allowed reason need have status outcome path latency bytes_in bytes_out "
        "fingerprint user agent trace inbound_id referer network address peer v"
    )


def test_an_address_that_was_cut_comes_back_as_its_network() -> None:
    parsed = parse(bare(encode(event(1))))
    assert (parsed.address, parsed.peer) == ("203.0.113.0/24", "")


@pytest.mark.parametrize("line", [b"", b"{}", b"[]", b"7", b'{"id":"x"}', b"\xff", b'{"id":"x","network":"","v":1}'])
def test_what_is_no_line_of_ours_is_an_error(line: bytes) -> None:
    with pytest.raises(ValueError):
        parse(line)


def test_the_torn_rest_behind_the_last_newline_is_not_a_piece() -> None:
    assert list(pieces(b"one\n\ntwo\nthr")) == [b"one", b"", b"two"]


def test_time_is_rfc_3339_in_utc_with_microseconds() -> None:
    assert rfc3339(NOW + 0.000001) == "2026-11-18T11:06:40.000001Z"
    assert rfc3339(0.9999999) == "1970-01-01T00:00:01.000000Z"
