"""The application factory: ``flask --app example_app run``."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from typing import Any

from flask import Flask

from . import data, staff


def create_app(config: Mapping[str, Any] | None = None, guard: bool = True) -> Flask:
    """Make the app. ``guard=False`` is how it was before: the API is for the company's own people.

    Its files are in the instance folder, or in the folder that the environment variable EXAMPLE_INSTANCE names.
    """
    app = Flask(__name__, instance_path=os.environ.get("EXAMPLE_INSTANCE"))
    # A random key signs the staff out with each restart; a real one comes from FLASK_SECRET_KEY.
    app.config["SECRET_KEY"] = secrets.token_bytes(32)
    app.config.from_prefixed_env()
    app.config.update(config or {})
    data.init_app(app)
    app.register_blueprint(staff.blueprint)
    if guard:
        from .api import api
        from .guard import guard as gate

        gate.init_app(app)
    else:
        from .before import api
    app.register_blueprint(api)
    return app
