"""How the shop adopts the extension: everything there is to write, in an app that stays as it is."""

from __future__ import annotations

from flask import Flask
from flask_login import current_user
from shop.access import session_or_key

from flask_apiguard import APIGuard, HostUser, current_caller


def adopt(app: Flask) -> APIGuard:
    """Guard the API; its pages, forms and webhooks are not touched."""
    guard = APIGuard(app, paths=["/api/v1"], brand="shop")
    for room in ("orders", "shipments", "customers", "reports", "catalogue"):
        guard.protect(f"{room}.*", f"shop:{room}")
    guard.protect("admin.*", "shop:office")
    for view in ("api_me", "api_account", "api_echo", "api_broken"):
        guard.protect(view)
    for view in ("api_ping", "api_schema", "api_changes"):
        guard.public(view, "tells nothing of a tenant")
    guard.public("webhooks.stock", "signed by the warehouse")

    @guard.host_user
    def signed_in() -> HostUser | None:
        return HostUser(current_user.get_id(), current_user.name) if current_user.is_authenticated else None

    app.config["API_IDENTITY"] = lambda: current_caller.reference or session_or_key()
    return guard
