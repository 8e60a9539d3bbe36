"""The fields that our documents are made of: strict about types, bounded in length, nothing unknown comes in."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from marshmallow import EXCLUDE, RAISE, Schema, ValidationError, fields, validate

from ..credentials.settings import LIFETIME_AT_MOST
from ..people.fields import EMAIL_BYTES, normal_email
from ..people.passwords import LONGEST, SHORTEST

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@-]{0,159}")
CURSOR_AT_MOST = 200
PAGE_AT_MOST = 200
#: What their columns hold.
PLAN_AT_MOST, SCOPE_AT_MOST = 40, 120


class In(Schema):
    """What comes in: a name that is not declared is refused."""

    class Meta:
        unknown = RAISE


class Out(Schema):
    """What goes out: nothing but what is declared."""

    class Meta:
        unknown = EXCLUDE


class Line(fields.String):
    """One line of printable text, without blanks around it."""

    def __init__(self, least: int = 1, most: int = 200, **more: Any) -> None:
        super().__init__(validate=validate.Length(least, most), **more)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        if any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in value):
            raise ValidationError("This contains a control character or half of a character.")
        return value.strip()


class Prose(fields.String):
    """Text of several lines."""

    def __init__(self, least: int = 1, most: int = 2000, **more: Any) -> None:
        super().__init__(validate=validate.Length(least, most), **more)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        if any(unicodedata.category(char) in ("Cc", "Cs") and char not in "\n\r\t" for char in value):
            raise ValidationError("This contains a control character or half of a character.")
        return value.strip()


class Id(fields.String):
    """An id or a name of ours, as it stands in paths; ``most`` is what the column that keeps it holds."""

    def __init__(self, most: int = 160, **more: Any) -> None:
        self.most = most
        told = {"pattern": f"^{ID.pattern}$", "maxLength": most, **more.pop("metadata", {})}
        super().__init__(metadata=told, **more)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        if not isinstance(value, str) or len(value) > self.most or ID.fullmatch(value) is None:
            raise ValidationError("This is no id or name.")
        return value


class Email(fields.String):
    """A mail address, in its one normal form."""

    def __init__(self, **more: Any) -> None:
        told = {"format": "email", "maxLength": EMAIL_BYTES, **more.pop("metadata", {})}
        super().__init__(metadata=told, **more)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        found = normal_email(value)
        if found is None:
            raise ValidationError("This is not an e-mail address, such as ann@example.com.")
        return found


class Secret(fields.String):
    """Something that proves somebody: passed on as it came, bounded, never repeated in an answer."""

    def __init__(self, most: int = 1024, **more: Any) -> None:
        super().__init__(validate=validate.Length(1, most), load_only=True, **more)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        return value


class Password(Secret):
    """A person's password. How short a new one may be is judged where it is hashed; the documentation tells it."""

    def __init__(self, *, new: bool, **more: Any) -> None:
        told = {"format": "password", "minLength": SHORTEST if new else 1, **more.pop("metadata", {})}
        super().__init__(LONGEST, metadata=told, **more)


class Moment(fields.DateTime):
    """A moment with its time zone (RFC 3339)."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> dt.datetime:
        if not isinstance(value, str) or len(value) > 40 or not value.isascii():
            raise ValidationError("Write a moment such as 2027-01-31T12:00:00Z.")
        try:
            read = dt.datetime.fromisoformat(value)
            if read.tzinfo is None or not 1970 < read.year < 9990:
                raise ValueError
            return read.astimezone(dt.UTC)
        except (ValueError, OverflowError):
            raise ValidationError("Write a moment such as 2027-01-31T12:00:00Z.") from None

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")


class Flag(fields.Boolean):
    """True or false, and in a query their words."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> bool:
        if isinstance(value, bool):
            return value
        if self.metadata.get("query") and value in ("true", "false"):
            return bool(value == "true")
        raise ValidationError("Write true or false.")


class Whole(fields.Integer):
    """A whole number within bounds; in a query written in figures."""

    def __init__(self, least: int = 0, most: int = 10**12, *, figures: bool = False, **more: Any) -> None:
        self.figures = figures
        super().__init__(strict=True, validate=validate.Range(least, most), **more)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> int:
        if self.figures and isinstance(value, str) and re.fullmatch(r"[0-9]{1,15}", value) and value.isascii():
            return int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.make_error("invalid")
        return value


class Lifetime(Whole):
    """How long something that a client proves itself with lives, in seconds: what its room takes, a minute at least."""

    def __init__(self, **more: Any) -> None:
        super().__init__(60, int(LIFETIME_AT_MOST.total_seconds()), **more)


class Choice(fields.String):
    """One of a few words."""

    def __init__(self, *options: str, **more: Any) -> None:
        super().__init__(validate=validate.OneOf(options), **more)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        return value


class Several(fields.List[Any]):
    """A list of at most so many."""

    def __init__(self, inner: fields.Field[Any], most: int = 100, **more: Any) -> None:
        super().__init__(inner, validate=validate.Length(0, most), **more)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> list[Any]:
        if not isinstance(value, list) or len(value) > 1000:
            raise self.make_error("invalid")
        return super()._deserialize(value, attr, data, **kwargs)


class TableOf(fields.Dict):
    """A mapping from names to texts, of at most so many."""

    def __init__(self, keys: fields.Field[Any], values: fields.Field[Any], most: int = 100, **more: Any) -> None:
        told = {"maxProperties": most, **more.pop("metadata", {})}
        super().__init__(keys=keys, values=values, validate=self._bounded, metadata=told, **more)
        self.most = most

    def _bounded(self, value: Mapping[str, Any]) -> None:
        # Not marshmallow's Length, which is described as that of a text.
        if len(value) > self.most:
            raise ValidationError(f"Name at most {self.most}.")


class NextOut(Out):
    """What can be done next."""

    action = fields.String(required=True)
    method = fields.String(required=True)
    href = fields.String(required=True)
    why = fields.String(required=True)


class Resource(Out):
    """A thing, and what can be done with it."""

    next = fields.List(fields.Nested(NextOut))


class Nothing(In):
    """No members."""


class Done(Resource):
    """That it was done."""

    done = fields.Boolean()


class PageIn(In):
    """Which page of a list."""

    cursor = Line(1, CURSOR_AT_MOST)
    limit = Whole(1, PAGE_AT_MOST, figures=True, load_default=50)


class ReasonIn(In):
    """Why it is done."""

    reason = Prose(1, 2000, required=True)
