"""What the extension costs before the first request, in processor time: its import, and a factory under TESTING.

``python -m benchmarks.starting``, or ``python -m benchmarks.gate --starting`` after the rest. The rooms are imported
with the first guard that a process makes; that has a row of its own, and no limit.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

from flask import Blueprint, Flask

from .tables import section, surroundings

HEAD = ("what", "ms", "at most", "met")
IMPORT_AT_MOST, FACTORY_AT_MOST = 450.0, 5.0
ROUTES = 40
#: Processor time: an import waits for little else, and neighbours don't count.
_TIMED = "import time; began = time.process_time(); {}; print((time.process_time() - began) * 1000)"
STATEMENTS = {
    "flask": "import flask",
    "database": "import flask, sqlalchemy",
    "ours": "import flask_apiguard",
    "guard": "import flask, flask_apiguard; flask_apiguard.APIGuard(flask.Flask('a'))",
}


def imports_by_turns(rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each statement in fresh processes, which have their byte code: the first round made it."""
    found: dict[str, list[float]] = {name: [] for name in STATEMENTS}
    with tempfile.TemporaryDirectory(prefix="apiguard-bench-") as compiled:
        env = {**os.environ, "PYTHONPYCACHEPREFIX": compiled, "PYTHONDONTWRITEBYTECODE": ""}
        for counted in range(rounds + 1):
            for name, statement in STATEMENTS.items():
                command = [sys.executable, "-c", _TIMED.format(statement)]
                said = subprocess.run(command, check=True, capture_output=True, text=True, env=env).stdout
                if counted:
                    found[name].append(float(said))
    return found


def factory(guarded: bool) -> Flask:
    """An app as hosts make one for each of their tests: a blueprint with forty routes."""
    app = Flask("factory")
    app.config["TESTING"] = True
    blueprint = Blueprint("api", __name__, url_prefix="/api")
    for number in range(ROUTES):
        blueprint.add_url_rule(f"/things/{number}", f"thing_{number}", dict)
    app.register_blueprint(blueprint)
    if guarded:
        from flask_apiguard import APIGuard

        guard = APIGuard(app, paths=["/api"], scopes={"things:read": "See things"})
        guard.protect(blueprint, "things:read")
    return app


def _first_call(app: Flask) -> None:
    app.test_client().get("/api/things/1")


def run(markdown: bool, rounds: int = 9) -> bool:
    """Measure by turns, print the table; false when a limit is not kept."""
    imported = {name: statistics.median(found) for name, found in imports_by_turns(rounds).items()}
    _first_call(factory(True))  # what is imported late is imported now
    made: dict[bool, list[float]] = {False: [], True: []}
    called: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(rounds * 10):
        for guarded in (False, True):
            began = time.process_time()
            app = factory(guarded)
            ready = time.process_time()
            _first_call(app)
            made[guarded].append((ready - began) * 1000)
            called[guarded].append((time.process_time() - ready) * 1000)
    ours = imported["ours"]
    opened, added = (statistics.median(of[True]) - statistics.median(of[False]) for of in (called, made))
    rows = [
        ("import flask", f"{imported['flask']:.0f}", "", ""),
        ("import flask and sqlalchemy", f"{imported['database']:.0f}", "", ""),
        ("import flask_apiguard (flask with it)", f"{ours:.0f}", *_bound(ours, IMPORT_AT_MOST)),
        ("the same, and a first guard (every room with it)", f"{imported['guard']:.0f}", "", ""),
        (f"a factory of {ROUTES} routes, not guarded", f"{statistics.median(made[False]):.2f}", "", ""),
        ("what guarding it adds, under TESTING", f"{added:.2f}", *_bound(added, FACTORY_AT_MOST)),
        ("and to its first call, which opens the rooms", f"{opened:.2f}", *_bound(added + opened, FACTORY_AT_MOST)),
    ]  # fmt: skip
    section("Starting", HEAD, rows, markdown)
    return ours <= IMPORT_AT_MOST and added + opened <= FACTORY_AT_MOST


def _bound(value: float, most: float) -> tuple[str, str]:
    return f"{most:.0f}", "yes" if value <= most else "NO"


def main() -> int:
    """Print the table; the exit status is 1 when a limit is not kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--markdown", action="store_true", help="print the table for the documentation")
    options = parser.parse_args()
    kept = run(options.markdown, options.rounds)
    print(f"\n{options.rounds} rounds, processor time. {surroundings(['Flask', 'SQLAlchemy', 'marshmallow'])}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
