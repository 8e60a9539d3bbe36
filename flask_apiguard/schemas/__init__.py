"""What may come in and go out: schemas of several kinds, the strict JSON reader, and the two at a route.

JSON is read strictly on every guarded route, with or without a schema, and the view gets the gate's reading.
"""

from typing import Any

from ..contracts import Registry, SchemaKind
from ..settings import Setting
from .body import guard_json, release_json
from .route import RouteSchemas, Schemas
from .strict import Malformed, read_json
from .writing import encoder, written

SETTINGS: tuple[Setting[Any], ...] = ()


def default_kinds() -> Registry[SchemaKind]:
    """The kinds that come with us, in the order in which they are asked."""
    from .marshmallow_kind import MarshmallowKind  # whoever writes schemas has imported the library already

    return Registry("kind of schema", lambda kind: kind.name, [MarshmallowKind()])


__all__ = [
    "SETTINGS",
    "Malformed",
    "RouteSchemas",
    "Schemas",
    "default_kinds",
    "encoder",
    "guard_json",
    "read_json",
    "release_json",
    "written",
]
