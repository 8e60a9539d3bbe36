"""Reports of one tenant: the tenant and the report are loaded out of the URL before any view runs."""

from __future__ import annotations

import asyncio
from typing import Any

from flask import Blueprint, abort, g, request, url_for
from flask.typing import ResponseReturnValue

from shop.access import identify_tenant
from shop.api.payload import body, demand
from shop.extensions import db
from shop.models import Order, Report, Tenant

bp = Blueprint("reports", __name__, url_prefix="/api/v1/<tenant_slug>/reports")


@bp.url_value_preprocessor
def load(endpoint: str | None, values: dict[str, Any] | None) -> None:
    values = values if values is not None else {}
    g.named_tenant = db.first_or_404(db.select(Tenant).filter_by(slug=values.pop("tenant_slug", None)))
    if "report_id" in values:
        query = db.select(Report).filter_by(id=values.pop("report_id"), tenant_id=g.named_tenant.id)
        values["report"] = db.first_or_404(query)


@bp.before_request
def same_tenant() -> None:
    if request.method == "OPTIONS":
        return
    identify_tenant()
    if g.tenant.id != g.named_tenant.id:
        abort(403, "Not your tenant.")


@bp.get("")
def list_reports() -> ResponseReturnValue:
    found = db.session.scalars(db.select(Report).filter_by(tenant_id=g.tenant.id).order_by(Report.id))
    return {"items": [report.as_dict() for report in found]}


@bp.post("")
async def create_report() -> ResponseReturnValue:
    sent = body(kind=str)
    demand(sent, "kind")
    if sent["kind"] not in {"sales", "stock"}:
        abort(422, "kind is sales or stock.")
    await asyncio.sleep(0)
    orders = db.session.scalar(db.select(db.func.count()).select_from(Order).filter_by(tenant_id=g.tenant.id))
    report = Report(tenant_id=g.tenant.id, kind=sent["kind"], figures={"orders": orders})
    db.session.add(report)
    db.session.commit()
    location = url_for(".get_report", tenant_slug=g.tenant.slug, report_id=report.id)
    return report.as_dict(), 202, {"Location": location}


@bp.get("/<int:report_id>")
def get_report(report: Report) -> ResponseReturnValue:
    return report.as_dict()


@bp.delete("/<int:report_id>")
def delete_report(report: Report) -> ResponseReturnValue:
    db.session.delete(report)
    db.session.commit()
    return "", 204
