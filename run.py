#!/usr/bin/env python3
"""The project's two commands. Needs Python 3.11 with venv and pip, nothing else.

python3 run.py demo [--exit] [--reset] [--open] [--port N]      tell the story on real HTTP; data in .demo/
python3 run.py test [--quick] [--oldest] [pytest arguments]     run every check; with pytest arguments, pytest alone
"""

# Standard library only, and a syntax that Pythons older than 3.11 can read: they look for a newer one below.
import argparse
import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ET

LEAST = (3, 11)
ROOT = os.path.dirname(os.path.abspath(__file__))
VENV = os.path.join(ROOT, ".venv")
OLDEST = os.path.join(ROOT, ".venv-oldest")
SERVERS = os.path.join(ROOT, "requirements", "servers.txt")
DEMO_EXTRAS = {"async"}
TEST_EXTRAS = {"async", "docs", "postgres", "redis", "test"}
RUNTIME_EXTRAS = ("async", "postgres", "redis")
PROBE = "import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))"


class Stop(Exception):
    """Nothing more can be done; the message says what the person at the keyboard can do."""


def say(text):
    # type: (str) -> None
    print(text, flush=True)


def clean_environment():
    # type: () -> dict[str, str]
    """The caller's environment without what would point our own interpreter at somebody else's packages."""
    stray = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__"}
    return {name: value for name, value in os.environ.items() if name not in stray}


def works(command, code):
    # type: (str, str) -> bool
    """Whether this Python runs that code. A file named python3.12 on PATH may be a mere promise (pyenv's shims)."""
    try:
        quiet = subprocess.DEVNULL
        status = subprocess.call([command, "-c", code], env=clean_environment(), stdout=quiet, stderr=quiet, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return status == 0


def find_python():
    # type: () -> str
    """A Python that can make the environment: this one, else the first fitting one on PATH. Raises Stop."""
    names = ["python3"] + ["python3.%d" % minor for minor in (14, 13, 12, 11)]
    candidates = [sys.executable] + [path for path in map(shutil.which, names) if path]
    for candidate in candidates:
        if works(candidate, PROBE):
            return candidate
    for candidate in candidates:
        if works(candidate, "import sys; sys.exit(sys.version_info < (3, 11))"):
            raise Stop(
                candidate + " is new enough, but comes without venv and pip (module ensurepip).\n"
                "On Debian and Ubuntu: apt-get install python3-venv"
            )
    raise Stop(
        "This needs Python 3.11 or newer; %s is %d.%d, and there is none among %s on PATH."
        % (sys.executable, sys.version_info[0], sys.version_info[1], ", ".join(names))
    )


@contextlib.contextmanager
def one_at_a_time():  # type: ignore[no-untyped-def]
    """Two commands started together must not build the same environment at once."""
    with open(os.path.join(ROOT, "pyproject.toml"), "rb") as file:
        try:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        except (ImportError, OSError):
            # Without such locks (Windows, some network disks) only a second simultaneous first run suffers.
            pass
        yield


def python_in(folder):
    # type: (str) -> str
    return os.path.join(folder, "Scripts" if os.name == "nt" else "bin", "python")


def digest():
    # type: () -> str
    """Changes when the environment has to be looked at again: other requirements, or the project was moved."""
    total = hashlib.sha256(ROOT.encode())
    for name in ("pyproject.toml", os.path.join("requirements", "servers.txt")):
        with open(os.path.join(ROOT, name), "rb") as file:
            total.update(file.read())
    return total.hexdigest()


def read_stamp(folder):
    # type: (str) -> dict[str, object]
    try:
        with open(os.path.join(folder, "apiguard-stamp.json"), encoding="utf-8") as file:
            stamp = json.load(file)
    except (OSError, ValueError):
        # No stamp, or one that was cut off while being written: the environment is looked at again.
        return {}
    return stamp if isinstance(stamp, dict) else {}


def prepare(folder, extras, with_servers=False, pins=()):
    # type: (str, set[str], bool, tuple[str, ...]) -> str
    """Makes the environment or brings it up to date, at once when nothing changed. Returns its Python. Raises Stop."""
    python = python_in(folder)
    with one_at_a_time():
        stamp = read_stamp(folder)
        known = stamp.get("extras")
        known = set(known) if isinstance(known, list) else set()
        servers = with_servers or bool(stamp.get("servers"))
        fresh = stamp.get("digest") == digest() and extras <= known and servers == bool(stamp.get("servers"))
        if fresh and works(python, "import flask_apiguard"):
            return python
        started = time.monotonic()
        extras = extras | known
        if not works(python, "import sys, pip; sys.exit(sys.version_info < (3, 11))"):
            say("Making %s ..." % os.path.relpath(folder, ROOT))
            call([find_python(), "-m", "venv", "--clear", folder], "The environment could not be made.")
        install(folder, python, extras, servers, pins)
        with open(os.path.join(folder, "apiguard-stamp.json"), "w", encoding="utf-8") as file:
            json.dump({"digest": digest(), "extras": sorted(extras), "servers": servers}, file)
        say("Installed in %.0f s." % (time.monotonic() - started))
    return python


def install(folder, python, extras, servers, pins):
    # type: (str, str, set[str], bool, tuple[str, ...]) -> None
    """Only plain pip: where packages come from is the machine's own configuration."""
    say("Installing what is needed into %s ..." % os.path.relpath(folder, ROOT))
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-warn-script-location"]
    if os.name == "posix" and os.geteuid() == 0:
        pip.append("--root-user-action=ignore")
    project = ["--editable", "%s[%s]" % (ROOT, ",".join(sorted(extras)))]
    if pins:
        constraints = os.path.join(folder, "lower-bounds.txt")
        with open(constraints, "w", encoding="utf-8") as file:
            file.write("\n".join(pins) + "\n")
        project += ["--constraint", constraints]
    if servers:
        call([*pip, "--require-hashes", "--requirement", SERVERS], "The test servers could not be installed.")
    call(pip + project, "The project could not be installed: pip's words above say why.")


def call(command, complaint):
    # type: (list[str], str) -> None
    if subprocess.call(command, cwd=ROOT, env=clean_environment()) != 0:
        raise Stop(complaint)


def lower_bounds():
    # type: () -> tuple[str, ...]
    """`name==version` for each run-time dependency, core and extras, as pyproject.toml's `>=` names it. Raises Stop."""
    import tomllib

    with open(os.path.join(ROOT, "pyproject.toml"), "rb") as file:
        project = tomllib.load(file)["project"]
    wanted = list(project["dependencies"])
    for extra in RUNTIME_EXTRAS:
        wanted += project["optional-dependencies"][extra]
    pins = []
    for requirement in wanted:
        found = re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]*])?\s*>=\s*([A-Za-z0-9.]+)", requirement)
        if found is None:
            raise Stop("pyproject.toml: %r has no lower bound" % requirement)
        pins.append("%s==%s" % found.groups())
    return tuple(pins)


def run_step(title, command, also_fine=0):
    # type: (str, list[str], int) -> tuple[str, int, float]
    """Runs one step, aloud; its title, its exit status (0 also for `also_fine`) and its seconds."""
    say("\n== %s ==" % title)
    started = time.monotonic()
    # The environment's own scripts come first on PATH, so that tests which start commands find the right ones.
    environment = clean_environment()
    environment["PATH"] = os.path.dirname(command[0]) + os.pathsep + environment.get("PATH", os.defpath)
    status = subprocess.call(command, cwd=ROOT, env=environment)
    status = 0 if status == also_fine else status
    seconds = time.monotonic() - started
    say("-- %s: %s in %.1f s" % (title, "ok" if status == 0 else "FAILED (status %d)" % status, seconds))
    return title, status, seconds


def count(report):
    # type: (str) -> tuple[int, int, int]
    """Passed, failed, skipped, from a JUnit file. Raises OSError or ParseError when pytest did not get that far."""
    passed = failed = skipped = 0
    for suite in ET.parse(report).getroot().iter("testsuite"):
        wrong = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        passed += int(suite.get("tests", 0)) - wrong - int(suite.get("skipped", 0))
        failed += wrong
        skipped += int(suite.get("skipped", 0))
    return passed, failed, skipped


def run_pytest(python, title, arguments, may_be_empty=False):
    # type: (str, str, list[str], bool) -> tuple[tuple[str, int, float], tuple[int, int, int]]
    report = os.path.join(os.path.dirname(os.path.dirname(python)), "pytest-report.xml")
    with contextlib.suppress(OSError):
        os.remove(report)
    nothing_collected = 5  # pytest's status for it
    command = [python, "-m", "pytest", "--junit-xml", report, *arguments]
    step = run_step(title, command, also_fine=nothing_collected if may_be_empty else 0)
    try:
        counts = count(report)
    except (OSError, ET.ParseError):
        # pytest died before it could write: that is one failure, and never nothing.
        counts = (0, 1, 0)
    return step, (counts[0], max(counts[1], int(step[1] != 0)), counts[2])


#: Suites of whole apps: they run once more with every app on PostgreSQL. The rooms below meet both stores themselves.
WHOLE_APPS = [
    "tests/" + room for room in ("api", "cli", "gate", "oauth") if os.path.isdir(os.path.join(ROOT, "tests", room))
]


def run_tests(python, quick):
    # type: (str, bool) -> tuple[list[tuple[str, int, float]], tuple[int, int, int]]
    """All in parallel, then whole apps on PostgreSQL."""
    subset = ["-m", "not slow"] if quick else []
    workers = str(min(4, max(2, os.cpu_count() or 2)))
    # A file stays on one worker, so that what its tests share (a database, a server) is started once. Files come in
    # their own order: sorted by how many tests they have, the few long ones would come last, one worker idle.
    parallel = ["-q", "-n", workers, "--dist", "loadfile", "--no-loadscope-reorder"]
    together, first = run_pytest(python, "pytest", parallel + subset)
    rounds, counts = [together], [first]
    if not quick:
        say("\nOnce more with the stores of whole apps on PostgreSQL: %s." % ", ".join(WHOLE_APPS))
        say("Left out there (as deselected): what is about SQLite's files, asks little of a store, or names its own.")
        os.environ["APIGUARD_TEST_STORE"] = "postgresql"
        again, second = run_pytest(python, "pytest on PostgreSQL", parallel + WHOLE_APPS, may_be_empty=True)
        del os.environ["APIGUARD_TEST_STORE"]
        rounds.append(again)
        counts.append(second)
    return rounds, tuple(sum(column) for column in zip(*counts))  # noqa: B905 - older Pythons read this file too


def checks(python):
    # type: (str) -> list[tuple[str, list[str]]]
    bin_folder = os.path.dirname(python)

    def tool(name):
        # type: (str) -> str
        return os.path.join(bin_folder, name)

    return [
        ("ruff check", [tool("ruff"), "check"]),
        ("ruff format --check", [tool("ruff"), "format", "--check"]),
        ("mypy", [python, "-m", "mypy"]),
        ("lint-imports", [tool("lint-imports"), "--config", "setup.cfg"]),
    ]


def documentation(python):
    # type: (str) -> list[tuple[str, list[str]]]
    if not os.path.exists(os.path.join(ROOT, "docs", "conf.py")):
        return []
    return [("sphinx", [python, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", "docs", "docs/_build/html"])]


def report(steps, counts):
    # type: (list[tuple[str, int, float]], tuple[int, int, int]) -> int
    say("")
    for title, status, seconds in steps:
        say("%-22s %-7s %6.1f s" % (title, "ok" if status == 0 else "FAILED", seconds))
    if counts[2]:
        say("%d skipped (the reasons are listed above)" % counts[2])
    say("%d passed, %d failed" % counts[:2])
    return int(any(status != 0 for _, status, _ in steps))


def test(quick, oldest, arguments):
    # type: (bool, bool, list[str]) -> int
    """Runs the checks one after the other; one that fails does not hide the next. Returns the exit status."""
    steps = []  # type: list[tuple[str, int, float]]
    if oldest:
        pins = lower_bounds()
        python = prepare(OLDEST, {*RUNTIME_EXTRAS, "test"}, with_servers=True, pins=pins)
    else:
        python = prepare(VENV, TEST_EXTRAS, with_servers=True)
    if arguments:
        subset = ["-m", "not slow"] if quick else []
        step, counts = run_pytest(python, "pytest", subset + arguments)
        return report([step], counts)
    if not oldest:
        steps += [run_step(*check) for check in checks(python)]
    rounds, counts = run_tests(python, quick)
    steps += rounds
    if not oldest:
        steps += [run_step(*check) for check in documentation(python)]
    return report(steps, counts)


def demo(arguments):
    # type: (list[str]) -> int
    python = prepare(VENV, DEMO_EXTRAS)
    try:
        return subprocess.call([python, "-m", "example_app.story", *arguments], cwd=ROOT, env=clean_environment())
    except KeyboardInterrupt:
        return 130


def main():
    # type: () -> int
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", metavar="{demo,test}")
    showing = commands.add_parser("demo", help="tell the story on real HTTP", allow_abbrev=False)
    showing.add_argument("--exit", action="store_true", help="stop when the story is told")
    showing.add_argument("--reset", action="store_true", help="forget .demo/ first")
    showing.add_argument("--open", action="store_true", help="open the browser at the end")
    showing.add_argument("--port", type=int, help="listen there instead of on a free port")
    testing = commands.add_parser("test", help="run every check", allow_abbrev=False)
    testing.add_argument("--quick", action="store_true", help="leave out the tests marked slow")
    testing.add_argument("--oldest", action="store_true", help="pytest alone, on the lower bounds of pyproject.toml")
    options, rest = parser.parse_known_args()
    if options.command == "test":
        return test(options.quick, options.oldest, rest)
    if options.command == "demo":
        if rest:
            parser.error("demo knows no " + " ".join(rest))
        flags = ["--" + name for name in ("exit", "reset", "open") if getattr(options, name)]
        return demo(flags + (["--port", str(options.port)] if options.port is not None else []))
    parser.print_help()
    return 2


if __name__ == "__main__":
    if sys.version_info < LEAST and "APIGUARD_RUN_AGAIN" not in os.environ:
        # An old python3 first on PATH: the same command again with the newer one found.
        try:
            sys.exit(subprocess.call([find_python(), *sys.argv], env=dict(os.environ, APIGUARD_RUN_AGAIN="1")))
        except Stop as stop:
            sys.exit(str(stop))
    try:
        sys.exit(main())
    except Stop as stop:
        sys.exit("\n" + str(stop))
    except KeyboardInterrupt:
        sys.exit(130)
