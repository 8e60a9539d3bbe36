"""The strict JSON reader: what it accepts means one thing to every reader (RFC 8259, RFC 7493).

Python's own reader takes the last of two equal names, NaN and Infinity, turns ``1e999`` into infinity, spends
quadratic time on long integers and the stack on nesting, and lets half a surrogate pair through, which no UTF-8
file or database column takes. A gate that reads a document in one way before a view that reads it in another has
checked nothing, so all of that is refused here, and the view gets the same reader.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from json import JSONDecodeError, JSONDecoder
from typing import Any, NoReturn

from ..errors import FLAWS_AT_MOST, APIGuardError
from ..values import Flaw

MAX_DEPTH = 64
#: Digits and other characters of one number. Far above any double, any key size written out, far below what hurts.
MAX_DIGITS = 1000
_UTF_8 = frozenset({"utf-8", "utf8"})
_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NO_MARKS = bytes(set(range(256)) - set(b'[]{}"'))
_NUMBER_TOO_LONG = "A number of more than {} characters."


class Malformed(APIGuardError, ValueError):
    """The bytes are no document. ``flaws`` says where and why, at most ``FLAWS_AT_MOST`` of them, at least one.

    A ValueError, because that is what :meth:`flask.Request.get_json` understands.
    """

    def __init__(self, *flaws: Flaw) -> None:
        super().__init__(flaws[0].detail)
        self.flaws = flaws

    @property
    def flaw(self) -> Flaw:
        """The first flaw."""
        return self.flaws[0]


class _Refused(Exception):
    """Stops the fast reader; the slow one then finds out where it was."""


class _Bad:
    """What the slow reader leaves in place of a number it can't take."""

    def __init__(self, detail: str) -> None:
        self.detail = detail


class _Object(list[tuple[str, Any]]):
    """The members of an object as they stand in the text, so that equal names can be told from nested lists."""


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Refused
    return members


def _float(text: str) -> float:
    number = float(text)
    if number - number != 0 or len(text) > MAX_DIGITS:  # infinity minus itself is not zero
        raise _Refused
    return number


def _int(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise _Refused
    return int(text)


def _constant(_name: str) -> NoReturn:
    raise _Refused


#: A document of at most MAX_DIGITS bytes holds no longer number: there the reader's own, faster integers do.
_small = JSONDecoder(object_pairs_hook=_pairs, parse_float=_float, parse_constant=_constant)
_large = JSONDecoder(object_pairs_hook=_pairs, parse_float=_float, parse_int=_int, parse_constant=_constant)


def read_json(data: bytes, charset: str | None = None, *, max_depth: int = MAX_DEPTH) -> Any:
    """Read one JSON document from bytes.

    ``charset`` is the parameter of the media type, if there was one; only UTF-8 is JSON (RFC 8259, section 8.1).
    Arrays and objects may stand ``max_depth`` deep in each other. What this returns, :func:`json.loads` returns.

    :raises Malformed: with every place that is wrong, as JSON Pointer, or line and column where there is no
        document to point into. Nothing else is ever raised, whatever the bytes.
    """
    if charset is not None and charset.lower() not in _UTF_8:
        raise Malformed(Flaw("", "The charset of JSON is UTF-8 and no other."))
    if data.count(b"[") + data.count(b"{") > max_depth and _is_deeper(data, max_depth):
        raise Malformed(Flaw("", f"Nested more than {max_depth} deep."))
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise Malformed(Flaw("", f"Not UTF-8 at byte {error.start}.")) from None
    decoder = _small if len(data) <= MAX_DIGITS else _large
    try:
        try:
            value, end = decoder.scan_once(text, 0)  # type: ignore[attr-defined]
        except StopIteration:
            value, end = None, -1
        if end != len(text):  # blanks around it, or no document
            value = decoder.decode(text)
    except (_Refused, RecursionError, ValueError):
        raise Malformed(*_diagnose(text)) from None
    if b"\\u" in data and _has_surrogate_escape(data):
        flaws = tuple(islice(_walk(value, ""), FLAWS_AT_MOST))
        if flaws:
            raise Malformed(*flaws)
    return value


def _is_deeper(data: bytes, max_depth: int) -> bool:
    """Whether brackets outside strings nest deeper. Exact for JSON; never False for what would nest deeper in a reader.

    Whole-buffer operations only, no loop over characters. Escaped quotes go first; of what is left only brackets and
    quotes are kept. Where quotes then stand in even runs, no bracket is inside a string; elsewhere strings are every
    second part between quotes. Each round of removing adjacent brackets takes away exactly one level.
    """
    if b"\\" in data:
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    rest = data.translate(_BRACKETS, _NO_MARKS).replace(b'""', b"")
    if b'"' in rest:
        rest = b"".join(rest.split(b'"')[::2])
    for rounds in range(max_depth):
        if not rest:
            return False
        shorter = rest.replace(b"[]", b"")
        if len(shorter) == len(rest):  # unbalanced, so no document; let the reader say where unless it is deep
            return rounds + rest.count(b"[") > max_depth
        rest = shorter
    return bool(rest)


def _has_surrogate_escape(data: bytes) -> bool:
    return b"\\ud" in data or b"\\uD" in data


def _diagnose(text: str) -> tuple[Flaw, ...]:
    """Read a refused text again, slowly, marking what is wrong instead of stopping at it."""
    if text[:1] == "\ufeff":
        return (Flaw("", "Begins with a byte order mark."),)
    if not text or text.isspace():
        return (Flaw("", "The body is empty."),)
    decoder = JSONDecoder(
        object_pairs_hook=_Object, parse_int=_marked(int), parse_float=_marked(float), parse_constant=_not_a_number
    )
    try:
        document = decoder.decode(text)
    except JSONDecodeError as error:
        return (Flaw("", f"{error.msg.removesuffix(' at')} at line {error.lineno}, column {error.colno}."),)
    except RecursionError:  # the caller itself stood at the end of the stack
        return (Flaw("", "Nested too deep."),)
    return tuple(islice(_walk(document, ""), FLAWS_AT_MOST)) or (Flaw("", "Can not be read."),)


def _marked(number_type: type[int | float]) -> Any:
    def read(text: str) -> Any:
        if len(text) > MAX_DIGITS:
            return _Bad(_NUMBER_TOO_LONG.format(MAX_DIGITS))
        try:
            number = number_type(text)
        except ValueError:  # the interpreter's own bound on digits, set lower than ours by the host
            return _Bad("A number with too many digits.")
        return number if number_type is int or math.isfinite(number) else _Bad("A number too large for a double.")

    return read


def _not_a_number(name: str) -> _Bad:
    return _Bad(f"{name} is not JSON.")


def _walk(node: Any, pointer: str) -> Iterator[Flaw]:
    """Every flaw below ``node``, in the order of the text. The depth was bounded before."""
    if isinstance(node, _Bad):
        yield Flaw(pointer, node.detail)
    elif isinstance(node, str):
        if _is_torn(node):
            yield Flaw(pointer, "Half a surrogate pair is not a character.")
    elif isinstance(node, (_Object, dict)):
        yield from _walk_members(list(node.items()) if isinstance(node, dict) else node, pointer)
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _walk(value, f"{pointer}/{index}")


def _walk_members(members: list[tuple[str, Any]], pointer: str) -> Iterator[Flaw]:
    for name, count in Counter(name for name, _ in members).items():
        if count > 1:
            yield Flaw(extended(pointer, name), "This name stands here more than once.")
    for name, value in members:
        if _is_torn(name):
            yield Flaw(pointer, "Half a surrogate pair is not a character, in a name.")
        yield from _walk(value, extended(pointer, name))


def _is_torn(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def extended(pointer: str, name: Any) -> str:
    """``pointer`` and one more reference token, escaped (RFC 6901, section 3); torn characters become ``?``."""
    token = str(name).replace("~", "~0").replace("/", "~1")
    return f"{pointer}/{token.encode('utf-8', 'replace').decode()}"
