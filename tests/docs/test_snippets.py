"""What the pages show as Python runs, what they show as JSON is JSON, and examples of parts pass their suites."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from flask_apiguard import testing
from flask_apiguard.onboarding import Dossier

from .conftest import DOCS, Pages

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^( *)\.\. code-block:: (\w+)\n\n((?:\1   .*\n|\n)+)", re.MULTILINE)
#: What a page may take for granted: an app with its guard, as the quickstart makes it.
GIVEN = """\
from flask import Flask
from flask_apiguard import APIGuard, require

app = Flask(__name__)
app.testing = True
app.secret_key = "a test's"
guard = APIGuard(app, paths=["/api/v1"], scopes={"orders:read": "See your orders"})
"""
#: Routes of an app that lives, which pages speak for by name.
LIVES = """\
from flask import Blueprint

for name in ("admin", "billing"):
    part = Blueprint(name, __name__, url_prefix=f"/{name}")
    part.add_url_rule("/", "index", lambda: "theirs")
    app.register_blueprint(part)
for name in ("exports", "ping", "reports"):
    app.add_url_rule(f"/api/v1/{name}", name, lambda: {})
"""
ORDERS = """\
@app.get("/api/v1/orders")
@require("orders:read")
def list_orders():
    return {"orders": []}
"""
PAGES = sorted(path.relative_to(DOCS).with_suffix("").as_posix() for path in DOCS.rglob("*.rst"))


def blocks(text: str, language: str) -> list[str]:
    return [textwrap.dedent(body) for _, kind, body in BLOCK.findall(text) if kind == language]


def run(text: str) -> dict[str, Any]:
    """Everything that a page defines, in the order in which it stands there."""
    names: dict[str, Any] = {"__name__": "page"}
    exec(GIVEN + LIVES, names)
    for block in blocks(text, "python"):
        exec(compile(block, "<page>", "exec"), names)
    return names


@pytest.mark.parametrize("name", [name for name in PAGES if name != "testing"])
def test_python_of_a_page_runs(name: str, pages: Pages) -> None:
    if not blocks(pages[name], "python"):
        return
    app = run(pages[name])["app"]
    app.testing = True
    # The first request compiles every route, so that a rule that contradicts another is found.
    assert app.test_client().get("/api/v1/nowhere").status_code == 401


def test_every_python_block_is_found(pages: Pages) -> None:
    for name, text in pages.items():
        assert len(blocks(text, "python")) == text.count(".. code-block:: python"), name


@pytest.mark.parametrize("name", PAGES)
def test_json_of_a_page_is_json(name: str, pages: Pages) -> None:
    for block in blocks(pages[name], "json"):
        json.loads(block)


def test_the_file_of_the_house_can_be_applied(pages: Pages, tmp_path: Path) -> None:
    app = run(pages["deployment"])["app"]
    (text,) = blocks(pages["deployment"], "toml")
    (tmp_path / "house.toml").write_text(text)
    done = app.test_cli_runner().invoke(args=["apiguard", "apply", str(tmp_path / "house.toml"), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["applied"] is True


def test_the_plan_of_the_quotas_page_can_be_read(pages: Pages) -> None:
    from flask_apiguard.quotas import parse_items

    (text,) = blocks(pages["quotas"], "json")
    assert [str(item) for item in parse_items(json.loads(text)["limits"])][:2] == ["20 per second", "100000 per month"]


def test_the_orders_of_the_rules_page_belong_to_their_customers(pages: Pages) -> None:
    app = run(pages["rules"])["app"]
    partner = testing.client_in(app, scopes=["orders:read", "orders:write"], reference="customer:42")
    assert partner.get("/api/v1/orders/A-1").status_code == 200
    assert partner.get("/api/v1/orders/A-2").status_code == 403
    made = partner.post("/api/v1/orders", json={"item": "a chair", "amount": 2})
    assert (made.status_code, made.json["id"]) == (201, "A-3")
    assert partner.post("/api/v1/orders", json={"item": "a chair"}).status_code == 422
    assert app.test_client().get("/api/v1/status").json == {"ok": True}


def test_the_shipment_of_the_schemas_page_keeps_its_note(pages: Pages) -> None:
    app = run(pages["schemas"])["app"]
    partner = testing.client_in(app, scopes=["shipments:read"])
    assert partner.get("/api/v1/shipments/S-1").json == {"id": "S-1", "state": "sent"}
    assert partner.get("/api/v1/shipments?size=7").json == {"size": 7}
    assert partner.get("/api/v1/shipments?size=700").status_code == 422


def test_the_quickstart_answers_as_it_says(pages: Pages) -> None:
    app = run(pages["quickstart"])["app"]
    app.testing = True
    assert app.test_client().get("/api/v1/orders").status_code == 401
    assert testing.client_in(app).get("/api/v1/orders").status_code == 403
    assert testing.client_in(app, scopes=["orders:read"]).get("/api/v1/orders").json == {"orders": ["A-1", "A-2"]}


def test_the_requests_of_the_security_page_are_answered_as_it_says(pages: Pages, live_server: Any) -> None:
    app = run(pages["quickstart"])["app"]
    app.testing = True
    key = testing.client_in(app, scopes=["orders:read"]).key
    rows = re.findall(r"\* - ``(\w+) (\S+)``\n     - (\d+)\n     - (\d+)\n", pages["security"])
    assert len(rows) > 10
    place = urlsplit(live_server(app)).netloc
    for method, path, stranger, client in rows:
        for headers, status in (({}, stranger), ({"Authorization": f"Bearer {key}"}, client)):
            connection = HTTPConnection(place, timeout=30)
            connection.request(method, path, headers=headers)
            assert connection.getresponse().status == int(status), f"{method} {path}"
            connection.close()


def test_the_tests_of_the_testing_page_pass(pages: Pages, tmp_path: Path) -> None:
    text = "\n\n".join([GIVEN, ORDERS, *blocks(pages["testing"], "python")])
    (tmp_path / "test_page.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", tmp_path, tmp_path]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("PYTEST_ADDOPTS", None)
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert re.search(r"\d+ passed", done.stdout)


@pytest.fixture(scope="module")
def parts(pages: Pages) -> Mapping[str, Any]:
    return run(pages["contracts"])


def fulfils(suite: Any) -> None:
    """Run every test of a suite."""
    tests = [name for name in dir(suite) if name.startswith("test_")]
    assert tests
    for name in tests:
        getattr(suite, name)()


def test_the_example_of_a_credential_type_fulfils_its_contract(parts: Mapping[str, Any]) -> None:
    class Suite(testing.CredentialTypeSuite):
        def make(self) -> Any:
            return parts["SharedSecret"]("a long secret")

        def good(self) -> dict[str, str]:
            return {"Authorization": "Machine a long secret"}

        def bad(self) -> dict[str, str]:
            return {"Authorization": "Machine another"}

    fulfils(Suite())


def test_the_example_of_a_check_fulfils_its_contract(parts: Mapping[str, Any]) -> None:
    import datetime as dt

    from flask_apiguard.clients import Application
    from flask_apiguard.values import State

    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

    def dossier(data_class: str) -> Dossier:
        return Dossier(Application("app_1", "org_1", "One", now, now, State.DRAFT, data_class=data_class), now)

    class Suite(testing.OnboardingCheckSuite):
        def make(self) -> Any:
            return parts["DataClassGiven"]()

        def passing(self) -> Dossier:
            return dossier("internal")

        def failing(self) -> Dossier:
            return dossier("")

    fulfils(Suite())


def test_the_example_of_a_sink_fulfils_its_contract(parts: Mapping[str, Any], tmp_path: Path) -> None:
    class Suite(testing.EventSinkSuite):
        def make(self) -> Any:
            self.path = tmp_path / f"{len(list(tmp_path.iterdir()))}.jsonl"
            self.path.touch()
            return parts["FileSink"](self.path)

        def written(self, sink: Any) -> list[str]:
            return [json.loads(line)["id"] for line in self.path.read_text().splitlines()]

    fulfils(Suite())


def test_the_example_of_a_notifier_delivers_what_matters(parts: Mapping[str, Any]) -> None:
    from flask_apiguard.contracts import Notice, Notifier

    sent: list[str] = []
    pager = parts["Pager"](sent.append)
    assert isinstance(pager, Notifier)
    pager.send(Notice("k", "Nothing much", "text"))
    pager.send(Notice("k", "A subject\r\nBcc: all@example.com", "text", severity="warning"))
    assert sent == ["A subject Bcc: all@example.com"]


def test_the_example_of_a_schema_kind_fulfils_its_contract(parts: Mapping[str, Any]) -> None:
    class Suite(testing.SchemaKindSuite):
        def make(self) -> Any:
            return parts["ChoiceKind"]()

        def schema(self) -> Any:
            return parts["Choice"](("red", "blue"))

        def good(self) -> str:
            return "red"

        def bad(self) -> str:
            return "green"

    fulfils(Suite())
