"""The strict reader: one meaning for every document, and its own error for everything else."""

from __future__ import annotations

import json
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_apiguard.errors import FLAWS_AT_MOST, APIGuardError
from flask_apiguard.schemas import Malformed, read_json
from flask_apiguard.schemas.strict import MAX_DEPTH, MAX_DIGITS, _is_deeper

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5), max_leaves=40
)
#: Pieces that, thrown together, come close to JSON and to every refusal.
WORDS = r'{ } [ ] : , " "a" "b" "a": \ \" \\ \ud800 \uDC00 \u0041 NaN -Infinity 1e999 1 -0 0.5e-3 true null é'
PIECES = st.lists(st.sampled_from([*WORDS.split(" "), " ", "\n", "\x00", "\ufeff", "😀", "9" * 1200]), max_size=40).map(
    "".join
)


def flaws_of(data: bytes, charset: str | None = None) -> list[tuple[str, str]]:
    with pytest.raises(Malformed) as caught:
        read_json(data, charset)
    return [(flaw.pointer, flaw.detail) for flaw in caught.value.flaws]


@given(DOCUMENTS)
def test_every_document_is_read_as_json_loads_reads_it(document: object) -> None:
    if "\\ud" in json.dumps(document, ensure_ascii=True).lower().replace("\\\\", ""):
        text = json.dumps(document, ensure_ascii=False)
    else:
        text = json.dumps(document)
    try:
        data = text.encode()
    except UnicodeEncodeError:
        return
    assert read_json(data) == json.loads(data) == document


@given(st.binary(max_size=200) | PIECES.map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_whatever_the_bytes_it_raises_nothing_but_its_own_error_and_agrees_with_json_loads(data: bytes) -> None:
    try:
        value = read_json(data)
    except Malformed as error:
        found = [(flaw.detail, flaw.pointer.encode()) for flaw in error.flaws]
    else:
        found = None
        assert value == json.loads(data)
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    assert found is None or all(detail for detail, _ in found)
    assert found != []


@given(st.integers(1, 12), DOCUMENTS, st.sampled_from(['"]"', '"["', '"\\""', '"\\\\"', '"a"', "1"]))
def test_depth_is_counted_exactly_whatever_stands_in_strings(extra: int, document: object, beside: str) -> None:
    def depth(node: object) -> int:
        if isinstance(node, list):
            return 1 + max(map(depth, node), default=0)
        return 1 + max(map(depth, node.values()), default=0) if isinstance(node, dict) else 0

    text = json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")
    for _ in range(extra):
        text = b"[" + beside.encode() + b"," + text + b"]"
    deep = depth(document) + extra
    assert not _is_deeper(text, deep)
    assert _is_deeper(text, deep - 1)


def test_two_equal_names_are_a_flaw_at_their_pointer() -> None:
    assert flaws_of(b'{"a":{"x/y":1,"~":[],"x/y":2,"~":0}}') == [
        ("/a/x~1y", "This name stands here more than once."),
        ("/a/~0", "This name stands here more than once."),
    ]


@pytest.mark.parametrize("second", [b'"\\u0061"', b'"a"'])
def test_an_escaped_name_is_the_same_name(second: bytes) -> None:
    assert flaws_of(b'{"a":1,' + second + b":2}")[0][0] == "/a"


def test_numbers_that_no_other_reader_takes_are_flaws_all_at_once() -> None:
    found = flaws_of(b'{"n":NaN,"l":[Infinity,-Infinity,1e999,-1e999],"i":' + b"1" * 5000 + b"}")
    assert [pointer for pointer, _ in found] == ["/n", "/l/0", "/l/1", "/l/2", "/l/3", "/i"]
    assert found[0][1] == "NaN is not JSON."
    assert found[3][1] == "A number too large for a double."
    assert str(MAX_DIGITS) in found[5][1]


def test_a_large_but_allowed_integer_stays_exact() -> None:
    number = 10 ** (MAX_DIGITS - 1)
    assert read_json(json.dumps([number, "x" * 2000]).encode()) == [number, "x" * 2000]


def test_a_float_with_thousands_of_digits_is_refused_too() -> None:
    assert flaws_of(b"0." + b"1" * 5000) == [("", f"A number of more than {MAX_DIGITS} characters.")]


@pytest.mark.parametrize("limit", [0, 640])
def test_the_hosts_own_bound_on_digits_does_not_matter(limit: int) -> None:
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(limit)
    try:
        assert flaws_of(b"[" + b"1" * 5000 + b"]")[0][0] == "/0"
        assert limit == 0 or flaws_of(b"[" + b"1" * 900 + b"]") == [("/0", "A number with too many digits.")]
    finally:
        sys.set_int_max_str_digits(before)


@pytest.mark.parametrize("opened", [b"[", b'{"a":', b'["]",', b'[{"x":"}]"},', b'["\\"]",', b'["\\\\",'])
def test_a_hundred_thousand_levels_are_refused_at_once_and_never_by_the_stack(opened: bytes) -> None:
    def cost(levels: int) -> float:
        began = time.thread_time()
        assert flaws_of(opened * levels) == [("", f"Nested more than {MAX_DEPTH} deep.")]
        return time.thread_time() - began

    fewer, more = (min(cost(levels) for _ in range(3)) for levels in (25_000, 100_000))
    assert more < 12 * fewer, "as much longer as it is larger, and not its square"


def test_the_last_allowed_level_is_read_and_the_next_is_not() -> None:
    assert read_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    assert flaws_of(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1))[0][1].startswith("Nested")


def test_a_wide_document_is_not_a_deep_one() -> None:
    wide = [{"a": ["[", "{"]}] * 500
    assert read_json(json.dumps(wide).encode()) == wide


def test_a_caller_at_the_end_of_the_stack_gets_the_same_error() -> None:
    def dive(left: int) -> bool:
        if left:
            return dive(left - 1)
        with pytest.raises(APIGuardError):
            read_json(b"[" * 60 + b"]" * 59)
        return True

    assert dive(100)


@pytest.mark.parametrize(
    ("data", "pointer"), [(b'"\\ud800"', ""), (b'{"a":["\\uDC00x"]}', "/a/0"), (b'{"b":1,"\\udfff":1}', "")]
)
def test_half_a_surrogate_pair_is_refused(data: bytes, pointer: str) -> None:
    assert flaws_of(data)[0][0] == pointer


def test_a_whole_surrogate_pair_and_a_written_backslash_are_fine() -> None:
    assert read_json(b'["\\ud83d\\ude00", "\\\\ud800"]') == ["😀", "\\ud800"]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b'"\xff"', "byte 1"),
        (b'"\xed\xa0\x80"', "Not UTF-8"),
        ('{"a":1}'.encode("utf-16"), "Not UTF-8"),
        (b"", "empty"),
        (b" \n", "empty"),
        (b'{"a":}', "line 1, column 6"),
        (b"{}\n{}", "line 2, column 1"),
        (b'{"a":1,}', "line 1"),
        (b"'a'", "line 1"),
        (b'"\x01"', "Invalid control character"),
        (b"[01]", "line 1"),
    ],
)
def test_what_is_no_json_says_where(data: bytes, said: str) -> None:
    assert said in flaws_of(data)[0][1]


@pytest.mark.parametrize("charset", ["utf-7", "utf-16", "latin-1", "us-ascii", "", "utf-8x", "idna"])
def test_another_charset_is_refused_even_if_the_bytes_would_do(charset: str) -> None:
    assert flaws_of(b"{}", charset) == [("", "The charset of JSON is UTF-8 and no other.")]


@pytest.mark.parametrize("charset", [None, "utf-8", "UTF-8", "utf8"])
def test_utf_8_may_be_said(charset: str | None) -> None:
    assert read_json('{"ö":1}'.encode(), charset) == {"ö": 1}


def test_the_flaws_are_bounded() -> None:
    assert len(flaws_of(b"[" + b",".join([b"NaN"] * 1000) + b"]")) == FLAWS_AT_MOST
