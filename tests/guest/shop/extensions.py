"""The extensions, made once and bound in the factory."""

from __future__ import annotations

from flask import Flask, Response, jsonify, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_cors import CORS
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import LoginManager
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from sqlalchemy import MetaData

NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

db = SQLAlchemy(metadata=MetaData(naming_convention=NAMING))
migrate = Migrate()
login_manager = LoginManager()
csrf = CSRFProtect()
cors = CORS()
limiter = Limiter(get_remote_address)


def init_app(app: Flask) -> None:
    import os

    db.init_app(app)
    migrate.init_app(app, db, directory=os.path.join(app.root_path, "migrations"), render_as_batch=True)
    login_manager.init_app(app)
    csrf.init_app(app)
    limiter.init_app(app)
    cors.init_app(
        app,
        resources={r"/api/*": {"origins": [app.config["BROWSER_ORIGIN"]]}},
        supports_credentials=True,
        allow_headers=["Content-Type", "X-Shop-Key"],
        expose_headers=["X-Request-Seconds", "X-Total-Count"],
        max_age=600,
    )


@login_manager.user_loader
def load_user(user_id: str) -> object:
    from shop.models import User

    return db.session.get(User, int(user_id))


@login_manager.unauthorized_handler
def unauthorized() -> ResponseReturnValue:
    if request.path.startswith("/api/"):
        answer: Response = jsonify(error={"status": 401, "name": "Unauthorized", "message": "Sign in first."})
        return answer, 401
    return redirect(url_for("account.login", next=request.full_path.rstrip("?")))
