"""What an application may say of itself, however it came in: what nobody can read or no column holds is not kept.

The JSON API has looked before; what comes by command is looked at here alone.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..errors import Invalid
from ..people.fields import normal_email
from ..values import Flaw, is_scope
from .checks.network import flaw_of

NAME_AT_MOST, DATA_CLASS_AT_MOST = 200, 40
CALLS_AT_MOST = 10**9
Flaws = Iterator[Flaw]


def demand_facts(facts: Mapping[str, Any]) -> None:
    """Go on only when each of these facts can be kept. Dangerous redirect URIs are not even kept in a draft.

    :raises Invalid: with a pointer for each that can't.
    """
    flaws = [flaw for name, told in facts.items() if name in _JUDGES for flaw in _JUDGES[name](f"/{name}", told)]
    if flaws:
        raise Invalid(flaws)


def _text(least: int, most: int, lines: str = "") -> Callable[[str, Any], Flaws]:
    def judge(at: str, told: Any) -> Flaws:
        if not isinstance(told, str) or not least <= len(told.strip()) <= most:
            yield Flaw(at, f"Write a text of {least} to {most} characters.")
        elif any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") and char not in lines for char in told):
            yield Flaw(at, "This contains a control character or half of a character.")

    return judge


def _several(judge: Callable[[str, Any], Flaws], most: int) -> Callable[[str, Any], Flaws]:
    def judge_all(at: str, told: Any) -> Flaws:
        if not isinstance(told, (list, tuple)) or len(told) > most:
            yield Flaw(at, f"Name at most {most}.")
            return
        for place, one in enumerate(told):
            yield from judge(f"{at}/{place}", one)

    return judge_all


def _email(at: str, told: Any) -> Flaws:
    if told != "" and (not isinstance(told, str) or normal_email(told) != told):
        yield Flaw(at, "This is not an e-mail address, such as ann@example.com.")


def _uri(at: str, told: Any) -> Flaws:
    flaw = flaw_of(told)
    if flaw:
        yield Flaw(at, f"This URI {flaw}.")


def _scopes(at: str, told: Any) -> Flaws:
    if not isinstance(told, Mapping) or len(told) > 50:
        yield Flaw(at, "Name at most 50.")
        return
    for name, why in told.items():
        if not is_scope(name):
            yield Flaw(f"{at}/{str(name)[:120]}", "This can be no scope.")
        yield from _text(0, 500, "\n\r\t")(f"{at}/{str(name)[:120]}", why)


def _plan(at: str, told: Any) -> Flaws:
    if told is not None:
        yield from _text(1, 40)(at, told)


def _calls(at: str, told: Any) -> Flaws:
    if told is not None and (isinstance(told, bool) or not isinstance(told, int) or not 0 <= told <= CALLS_AT_MOST):
        yield Flaw(at, f"Write a whole number from 0 to {CALLS_AT_MOST}.")


_JUDGES: Mapping[str, Callable[[str, Any], Flaws]] = {
    "name": _text(1, NAME_AT_MOST),
    "purpose": _text(0, 2000, "\n\r\t"),
    "contact_email": _email,
    "redirect_uris": _several(_uri, 20),
    "requested_scopes": _scopes,
    "requested_plan": _plan,
    "data_class": _text(0, DATA_CLASS_AT_MOST),
    "expected_calls_per_day": _calls,
    "addresses": _several(_text(1, 60), 100),
}
