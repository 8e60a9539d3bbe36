"""The effective settings: each value, where it came from, and no secret."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from ..people import Act, demand
from .call import Answer, Call
from .fields import Resource
from .table import Table

table = Table("settings")
_PLAIN = (bool, int, float, str, type(None))


class SettingOut(Resource):
    name = fields.String()
    value = fields.Raw(allow_none=True)
    source = fields.String()
    doc = fields.String()
    secret = fields.Boolean()


@table.get("/settings", "Effective settings, secrets masked", out=SettingOut, many=True,
           act=Act.SETTINGS_SETTING_WRITE)  # fmt: skip
def list_(call: Call) -> Answer:
    demand(call.by, Act.SETTINGS_SETTING_WRITE)
    settings = call.house.settings
    return Answer([
        {"name": one.name, "value": shown(settings[one], one.secret), "source": settings.source(one), "doc": one.doc,
         "secret": one.secret} for one in settings.declared
    ])  # fmt: skip


def shown(value: Any, secret: bool) -> Any:
    """A value as JSON shows it; of a secret only whether it is set."""
    if secret:
        return None if value is None else "set"
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return None
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, dict):
        return {str(key): shown(one, False) for key, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [shown(one, False) for one in value]
    return str(value)
