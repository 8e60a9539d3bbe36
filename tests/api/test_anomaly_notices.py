"""Who is told of an anomaly, and in which words."""

from __future__ import annotations

import sqlalchemy as sa

from flask_apiguard.monitor.anomalies import Finding, put
from flask_apiguard.notices.outbox import notice

from .conftest import Town


def test_an_anomaly_is_told_by_name_to_the_contact_and_to_those_who_can_act(town: Town) -> None:
    here = town.ready_application("ann", town.ids["ann_org"], name="Evening Pay")
    finding = Finding("refusal_burst", 80, "critical", ("Many.", "Here.", "Ask."), ())
    to = tuple(town.house._contacts_of(here["client_id"]))
    with town.house.store.write() as tx:
        assert put(tx, here["client_id"], finding, to) is not None
    with town.house.store.read() as conn:
        (row,) = conn.execute(sa.select(notice).where(notice.c.key == f"anomaly:refusal_burst:{here['client_id']}"))
    assert row.subject == "Evening Pay of ann and sons (sandbox): refusal burst"
    assert here["client_id"] not in row.subject
    assert row.text.startswith("This is about Evening Pay of ann and sons: its sandbox client, cli_")
    assert row.to == [f"{name}@{name}.example" for name in ("adam", "ann", "rita", "rudi")]
