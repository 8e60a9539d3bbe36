"""A small wholesale shop: pages for its staff, a JSON API for its browser pages and partners, webhooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from shop.config import Config

__all__ = ["create_app"]


def create_app(config: Mapping[str, Any] | None = None, adopt: Callable[[Flask], object] | None = None) -> Flask:
    """Build the shop.

    config: settings over `shop.config.Config`; `INSTANCE_PATH` moves the instance folder.
    adopt: called with the app where one more extension is added: after the others, before any blueprint or route.
    """
    from shop import cli, errors, extensions, hooks
    from shop.converters import DateConverter, SkuConverter
    from shop.jsonprovider import ShopJSON

    overrides = dict(config or {})
    app = Flask(__name__, instance_path=overrides.pop("INSTANCE_PATH", None))
    app.config.from_object(Config)
    app.config.from_prefixed_env("SHOP")
    app.config.from_mapping(overrides)
    app.json = ShopJSON(app)
    app.url_map.converters.update(date=DateConverter, sku=SkuConverter)
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1)  # type: ignore[method-assign]
    app.extensions["shop"] = {"teardowns": 0, "requests": 0}

    extensions.init_app(app)
    if adopt is not None:
        adopt(app)
    hooks.init_app(app)
    errors.init_app(app)
    cli.init_app(app)
    _register_views(app)
    return app


def _register_views(app: Flask) -> None:
    from shop import account, pages, storefront, webhooks
    from shop.api import admin, catalogue, customers, orders, plain, reports, shipments
    from shop.extensions import csrf

    for blueprint in (account.bp, pages.bp, storefront.bp):
        app.register_blueprint(blueprint)
    for blueprint in (orders.bp, shipments.bp, customers.bp, reports.bp, admin.bp, catalogue.bp, webhooks.bp):
        csrf.exempt(blueprint)
        app.register_blueprint(blueprint)
    plain.register(app)
