"""Shipments: a list made concurrently, documents up and down, a live stream."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, abort, current_app, g, jsonify, request, send_file, stream_with_context, url_for
from flask.typing import ResponseReturnValue
from werkzeug.utils import secure_filename

from shop.access import identify_tenant, own
from shop.api.payload import body, demand
from shop.extensions import db
from shop.models import SHIPMENT_STATES, Document, Order, Shipment

bp = Blueprint("shipments", __name__, url_prefix="/api/v1/shipments")
bp.before_request(identify_tenant)


def _mine() -> Any:
    return db.select(Shipment).join(Order).where(Order.tenant_id == g.tenant.id).order_by(Shipment.id)


def _shipment(ref: uuid.UUID) -> Shipment:
    found: Shipment = db.first_or_404(_mine().where(Shipment.ref == ref))
    return found


async def _carrier_says(shipment: Shipment) -> str:
    await asyncio.sleep(0)  # stands for the carrier's own API
    return f"{shipment.carrier}: {shipment.status}"


@bp.get("", strict_slashes=False)
async def list_shipments() -> ResponseReturnValue:
    found = list(db.session.scalars(_mine()))
    said = await asyncio.gather(*(_carrier_says(shipment) for shipment in found))
    return [shipment.as_dict() | {"carrier_says": line} for shipment, line in zip(found, said, strict=True)]


@bp.post("")
async def create_shipment() -> ResponseReturnValue:
    sent = body(order_id=int, carrier=str)
    demand(sent, "order_id", "carrier")
    shipment = Shipment(order_id=own(Order, sent["order_id"]).id, carrier=sent["carrier"])
    db.session.add(shipment)
    db.session.commit()
    return shipment.as_dict(), 201, {"Location": url_for(".get_shipment", ref=shipment.ref)}


@bp.get("/<uuid:ref>")
def get_shipment(ref: uuid.UUID) -> ResponseReturnValue:
    return _shipment(ref).as_dict()


@bp.patch("/<uuid:ref>")
def change_shipment(ref: uuid.UUID) -> ResponseReturnValue:
    shipment = _shipment(ref)
    sent = body(status=str)
    if sent.get("status") not in SHIPMENT_STATES:
        abort(422, "Unknown status.")
    shipment.status = sent["status"]
    db.session.commit()
    return shipment.as_dict()


@bp.post("/<uuid:ref>/documents")
def upload(ref: uuid.UUID) -> ResponseReturnValue:
    shipment = _shipment(ref)
    sent = request.files.get("file")
    if sent is None or not sent.filename:
        abort(400, "Send the document as the field `file`.")
    name = secure_filename(sent.filename)
    if name.rpartition(".")[2].lower() not in current_app.config["UPLOAD_TYPES"]:
        abort(415, "Only pdf, png and txt.")
    folder = os.path.join(current_app.instance_path, "documents")
    os.makedirs(folder, exist_ok=True)
    stored_as = f"{uuid.uuid4().hex}-{name}"
    sent.save(os.path.join(folder, stored_as))
    size = os.path.getsize(os.path.join(folder, stored_as))
    document = Document(shipment_id=shipment.id, filename=name, stored_as=stored_as, size=size)
    db.session.add(document)
    db.session.commit()
    link = url_for(".download", document_id=document.id)
    return {"id": document.id, "filename": name, "size": size, "link": link}, 201


@bp.get("/documents/<int:document_id>")
def download(document_id: int) -> Response:
    document = db.get_or_404(Document, document_id)
    if document.shipment.order.tenant_id != g.tenant.id:
        abort(404)
    path = os.path.join(current_app.instance_path, "documents", document.stored_as)
    return send_file(path, as_attachment=True, download_name=document.filename, conditional=True)


@bp.get("/stream")
def stream() -> Response:
    """Server-sent events: the state of every shipment, `rounds` times (for ever without it)."""
    rounds = request.args.get("rounds", type=int)

    def events() -> Iterator[str]:
        done = 0
        while rounds is None or done < rounds:
            if done:
                time.sleep(current_app.config["SSE_INTERVAL"])
            for shipment in db.session.scalars(_mine().execution_options(populate_existing=True)):
                data = current_app.json.dumps(shipment.as_dict())
                yield f"id: {done}\nevent: shipment\ndata: {data}\n\n"
            db.session.rollback()
            done += 1

    headers = {"X-Accel-Buffering": "no"}
    answer = Response(stream_with_context(events()), mimetype="text/event-stream", headers=headers)
    answer.cache_control.no_cache = True
    return answer


@bp.get("/states")
def states() -> ResponseReturnValue:
    answer: Response = jsonify(SHIPMENT_STATES)
    answer.cache_control.max_age = 3600
    return answer
