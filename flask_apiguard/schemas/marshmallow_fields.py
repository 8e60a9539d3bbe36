"""How one value of each marshmallow field is dumped and checked: the leaves of a plan (:mod:`.marshmallow_dump`)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from marshmallow import ValidationError, fields

from ..errors import FLAWS_AT_MOST

Step = Callable[[Any], Any]
#: What formatting a value of the wrong type raises.
WRONG = (TypeError, ValueError, AttributeError, ArithmeticError, LookupError)


class Wrong(Exception):
    """Flaws somewhere below a value, with pointers relative to it."""

    def __init__(self, flaws: list[tuple[str, str]]) -> None:
        self.flaws = flaws


def _string(field: Any, _name: str) -> Step:
    def dumps(value: Any) -> str:
        return value if type(value) is str else str(field._serialize(value, None, None))

    return validated(dumps, field) if field.validators else dumps


def _integer(field: Any, _name: str) -> Step:
    text = field.as_string

    def dumps(value: Any) -> Any:
        if type(value) is not int:
            if isinstance(value, bool):
                raise TypeError
            value = field._validated(value)
        for validate in field.validators:
            validate(value)
        return field._to_string(value) if text else value

    return dumps


def _number(field: Any, _name: str) -> Step:
    text = field.as_string

    def dumps(value: Any) -> Any:
        value = field._validated(value)
        for validate in field.validators:
            validate(value)
        return field._to_string(value) if text else value

    return dumps


def _boolean(field: Any, _name: str) -> Step:
    def dumps(value: Any) -> bool:
        if value is not True and value is not False:
            raise TypeError
        return value

    return validated(dumps, field) if field.validators else dumps


def _raw(field: Any, _name: str) -> Step:
    def dumps(value: Any) -> Any:
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError
        return value

    return validated(dumps, field) if field.validators else dumps


def _temporal(field: Any, _name: str) -> Step:
    """Dates and times: their validators compare the object itself, not its text."""

    def dumps(value: Any) -> Any:
        text = field._serialize(value, None, None)
        for validate in field.validators:
            validate(value)
        return text

    return dumps


def unknown(field: Any, name: str) -> Step:
    def dumps(value: Any) -> Any:
        output = field._serialize(value, name, {name: value})
        if output is not None:
            field.deserialize(output, name, {name: output})
        return output

    return dumps


def judged(field: Any, name: str) -> Step:
    def checks(value: Any) -> Any:
        field.deserialize(value, name, {name: value})
        return value

    return checks


KNOWN: Mapping[type, Callable[[Any, str], Step]] = {
    fields.Boolean: _boolean,
    fields.Date: _temporal,
    fields.DateTime: _temporal,
    fields.Decimal: _number,
    fields.Email: _string,
    fields.Enum: _temporal,
    fields.Float: _number,
    fields.Integer: _integer,
    fields.Raw: _raw,
    fields.String: _string,
    fields.Time: _temporal,
    fields.Url: _string,
}


def validated(step: Step, field: Any, before: bool = False) -> Step:
    """A step and then the field's validators, on what went in or on what comes out."""
    validators = tuple(field.validators)
    if not validators:
        return step

    def dumps(value: Any) -> Any:
        output = step(value)
        for validate in validators:
            validate(value if before else output)
        return output

    return dumps


def inner(field: Any, step: Step) -> Step:
    def one(value: Any) -> Any:
        if value is None:
            if not field.allow_none:
                raise ValidationError(field.error_messages["null"])
            return None
        return step(value)

    return one


def each(step: Step, values: Any, refusal: str) -> list[Any]:
    if isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Iterable):
        raise Wrong([("", refusal)])
    flaws: list[tuple[str, str]] = []
    output = []
    for index, value in enumerate(values):
        try:
            output.append(step(value))
        except Wrong as error:
            flaws.extend((f"/{index}{tail}", detail) for tail, detail in error.flaws)
        except ValidationError as error:
            flaws.extend((f"/{index}", message) for message in texts(error.messages))
        except WRONG:
            flaws.append((f"/{index}", "Not valid."))
        if len(flaws) > FLAWS_AT_MOST:
            break
    if flaws:
        raise Wrong(flaws)
    return output


def texts(messages: Any) -> list[str]:
    if isinstance(messages, Mapping):
        return [text for below in messages.values() for text in texts(below)]
    if isinstance(messages, (list, tuple)):
        return [text for below in messages for text in texts(below)]
    return [str(messages)]
