"""The peers, each as its documentation shows it, in front of the same view. README.md says how each is set up."""

from __future__ import annotations

import datetime as dt
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from flask import Flask, request

from .measure import Variant
from .ours import bearer, echo
from .sample import PATH, Caller, OrderSchema, environ

if TYPE_CHECKING:
    from flask_jwt_extended import JWTManager

JWT = "flask-jwt-extended, RS256"
JWT_REFUSAL = "flask-jwt-extended, no token: 401"
OPAQUE = "Authlib protector, opaque token in SQLite"
RFC_9068 = "Authlib protector, RFC 9068 token RS256"
LIMITER = "Flask-Limiter, memory, moving window"
SMOREST = "flask-smorest, arguments and response"
PLENTY = "100000000/minute"


@cache
def key_pair() -> tuple[rsa.RSAPrivateKey, str]:
    """An RSA-2048 pair: the private key as an object, for issuing is not measured, the public one as PEM."""
    key = rsa.generate_private_key(65537, 2048)
    pem = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )  # fmt: skip
    return key, pem.decode()


def jwt_app(callers: int) -> tuple[Flask, JWTManager, list[dict[str, str]]]:
    """An app with flask-jwt-extended, and the headers of as many callers."""
    from flask_jwt_extended import JWTManager, create_access_token

    private, public = key_pair()
    app = Flask("jwt")
    app.config.update(
        JWT_ALGORITHM="RS256", JWT_PRIVATE_KEY=private, JWT_PUBLIC_KEY=public,
        JWT_ACCESS_TOKEN_EXPIRES=dt.timedelta(hours=8),
    )  # fmt: skip
    manager = JWTManager(app)
    with app.app_context():
        claims = {"role": "partner", "scope": "orders:write"}
        tokens = [create_access_token(f"client-{number}", additional_claims=claims) for number in range(callers)]
    return app, manager, [bearer(token) for token in tokens]


def jwt_extended(folder: Path, callers: int) -> list[Variant]:
    from flask_jwt_extended import jwt_required

    app, _, headers = jwt_app(callers)
    app.post(PATH)(jwt_required()(echo))
    return [
        Caller(app, [environ(PATH, one) for one in headers]).variant(JWT),
        Caller(app, [environ(PATH)], (401,)).variant(JWT_REFUSAL),
    ]


def authlib_opaque(folder: Path, callers: int) -> list[Variant]:
    """As in Authlib's example server: Flask-SQLAlchemy, its token mixin, its validator."""
    from authlib.integrations.flask_oauth2 import ResourceProtector
    from authlib.integrations.sqla_oauth2 import OAuth2TokenMixin, create_bearer_token_validator
    from flask_sqlalchemy import SQLAlchemy

    app = Flask("authlib-opaque")
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{folder}/authlib.db"
    db = SQLAlchemy(app)

    class OAuth2Token(db.Model, OAuth2TokenMixin):  # type: ignore[name-defined, misc]
        __tablename__ = "oauth2_token"
        id = db.Column(db.Integer, primary_key=True)

    with app.app_context():
        db.create_all()
        tokens = [uuid4().hex + uuid4().hex[:10] for _ in range(callers)]
        db.session.add_all(
            OAuth2Token(
                client_id=f"client-{number}", token_type="Bearer", access_token=token, scope="orders:write",
                issued_at=int(time.time()), expires_in=8 * 3600,
            )
            for number, token in enumerate(tokens)
        )  # fmt: skip
        db.session.commit()
    protector = ResourceProtector()
    protector.register_token_validator(create_bearer_token_validator(db.session, OAuth2Token)())
    app.post(PATH)(protector("orders:write")(echo))
    return [Caller(app, [environ(PATH, bearer(token)) for token in tokens]).variant(OPAQUE)]


def authlib_rfc_9068(folder: Path, callers: int) -> list[Variant]:
    from authlib.integrations.flask_oauth2 import ResourceProtector
    from authlib.oauth2.rfc9068 import JWTBearerTokenValidator
    from joserfc import jwt
    from joserfc.jwk import KeySet, RSAKey

    key = RSAKey.generate_key(2048, parameters={"kid": "1", "use": "sig", "alg": "RS256"})
    public = KeySet([RSAKey.import_key(key.as_dict(private=False))])
    issuer, audience, now = "https://issuer.example", "https://api.example", int(time.time())

    class Validator(JWTBearerTokenValidator):  # type: ignore[misc]
        def get_jwks(self) -> Any:
            return public  # made once: the fastest that the documentation allows

    protector = ResourceProtector()
    protector.register_token_validator(Validator(issuer=issuer, resource_server=audience))
    app = Flask("authlib-rfc-9068")
    app.post(PATH)(protector("orders:write")(echo))
    tokens = []
    for number in range(callers):
        claims = {
            "iss": issuer, "aud": audience, "sub": f"client-{number}", "client_id": f"client-{number}", "iat": now,
            "exp": now + 8 * 3600, "jti": uuid4().hex, "scope": "orders:write",
        }  # fmt: skip
        tokens.append(jwt.encode({"alg": "RS256", "typ": "at+jwt", "kid": "1"}, claims, key))
    return [Caller(app, [environ(PATH, bearer(token)) for token in tokens]).variant(RFC_9068)]


def limiter(folder: Path, callers: int) -> list[Variant]:
    from flask_limiter import Limiter

    app = Flask("limiter")
    made = Limiter(
        lambda: request.headers["X-Consumer"], app=app, storage_uri="memory://", strategy="moving-window"
    )  # fmt: skip
    app.post(PATH)(made.limit(PLENTY)(echo))
    environs = [environ(PATH, {"X-Consumer": f"client-{number}"}) for number in range(callers)]
    return [Caller(app, environs).variant(LIMITER)]


def smorest_config(app: Flask) -> None:
    app.config.update(API_TITLE="Orders", API_VERSION="1", OPENAPI_VERSION="3.1.0")


def smorest(folder: Path, callers: int) -> list[Variant]:
    from flask_smorest import Api, Blueprint

    app = Flask("smorest")
    smorest_config(app)
    blueprint = Blueprint("orders", "orders")

    @blueprint.route(PATH, methods=["POST"])
    @blueprint.arguments(OrderSchema)
    @blueprint.response(200, OrderSchema)
    def create(order: Any) -> Any:
        return order

    Api(app).register_blueprint(blueprint)
    return [Caller(app, [environ(PATH)]).variant(SMOREST)]
