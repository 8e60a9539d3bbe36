"""The two commands: what run.py decides by itself. That they work at all is what a run of this suite shows."""

from __future__ import annotations

import ast
import importlib.util
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run():
    """run.py as a module, a fresh one for each test."""
    spec = importlib.util.spec_from_file_location("run_under_test", ROOT / "run.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def executable(path: Path, text: str) -> Path:
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return path


def test_every_run_time_dependency_has_a_lower_bound_to_be_tested_with(run) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pins = run.lower_bounds()
    extras = [line for extra in run.RUNTIME_EXTRAS for line in project["optional-dependencies"][extra]]
    assert len(pins) == len(project["dependencies"]) + len(extras)
    assert "Flask==3.1.3" in pins
    assert "psycopg==3.3.9" in pins, "an extra in brackets is no part of the name"


def test_a_dependency_without_a_lower_bound_is_refused(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "pyproject.toml").read_text().replace('"Flask>=3.1.3"', '"Flask"')
    (tmp_path / "pyproject.toml").write_text(text)
    monkeypatch.setattr(run, "ROOT", str(tmp_path))
    with pytest.raises(run.Stop, match="'Flask' has no lower bound"):
        run.lower_bounds()


def test_every_extra_a_host_may_want_is_in_all() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    ours = {"all", "bench", "dev", "docs", "test"}
    assert extras["all"] == [f"Flask-APIGuard[{','.join(sorted(set(extras) - ours))}]"]


def test_a_python_that_is_only_promised_is_passed_over(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    executable(tmp_path / "python3.14", "exit 127\n")
    good = executable(tmp_path / "python3.12", f'exec {sys.executable} "$@"\n')
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(executable(tmp_path / "python3", "exit 1\n")))
    assert run.find_python() == str(good)


def test_without_a_new_enough_python_it_says_so(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(executable(tmp_path / "python3", "exit 1\n")))
    with pytest.raises(run.Stop, match=r"needs Python 3\.11 or newer"):
        run.find_python()


def test_a_python_without_venv_is_told_what_to_install(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cut = executable(tmp_path / "python3", f'case "$2" in *ensurepip*) exit 1;; esac; exec {sys.executable} "$@"\n')
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(cut))
    with pytest.raises(run.Stop, match="apt-get install python3-venv"):
        run.find_python()


def test_an_old_python_hands_over_to_a_newer_one_on_the_path() -> None:
    old = next(filter(None, (shutil.which(f"python3.{minor}") for minor in (10, 9, 8, 7, 6))), None)
    if old is None or subprocess.run([old, "--version"], capture_output=True, check=False).returncode:
        pytest.skip("no Python older than 3.11 on PATH")
    answer = subprocess.run([old, ROOT / "run.py"], capture_output=True, text=True, check=False)
    assert "demo" in answer.stdout, answer.stderr


def test_run_py_can_be_read_by_old_pythons() -> None:
    ast.parse((ROOT / "run.py").read_text(), feature_version=(3, 6))


def test_what_pytest_reports_is_what_is_counted(run, tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text('<testsuites><testsuite tests="10" failures="1" errors="2" skipped="3"/></testsuites>')
    assert run.count(str(report)) == (4, 3, 3)


def test_a_step_that_fails_is_in_the_exit_status_and_in_the_table(run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run.report([("ruff check", 1, 0.5), ("pytest", 0, 1.0)], (7, 0, 1)) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "7 passed, 0 failed"
    assert "FAILED" in lines[1]
    assert run.report([("pytest", 0, 1.0)], (7, 0, 0)) == 0


def test_pytest_that_dies_before_it_reports_counts_as_a_failure(run, tmp_path: Path) -> None:
    folder = tmp_path / "venv" / "bin"
    folder.mkdir(parents=True)
    step, counts = run.run_pytest(str(executable(folder / "python", "exit 3\n")), "pytest", [])
    assert step[1] == 3
    assert counts == (0, 1, 0)


@pytest.mark.parametrize(("quick", "stores"), [(False, [None, "postgresql"]), (True, [None])])
def test_whole_apps_meet_postgresql_too_unless_it_must_be_quick(
    run, monkeypatch: pytest.MonkeyPatch, quick: bool, stores: list[str | None]
) -> None:
    monkeypatch.delenv("APIGUARD_TEST_STORE", raising=False)
    seen = []

    def run_pytest(python: str, title: str, arguments: list[str], may_be_empty: bool = False):
        seen.append((os.environ.get("APIGUARD_TEST_STORE"), arguments))
        return (title, 0, 1.0), (2, 0, 1)

    monkeypatch.setattr(run, "run_pytest", run_pytest)
    steps, counts = run.run_tests("python", quick)
    assert [store for store, _ in seen] == stores
    assert len(steps) == len(stores)
    assert counts == (2 * len(stores), 0, len(stores))
    assert all(("tests/api" in arguments) == (store is not None) for store, arguments in seen)
    assert "APIGUARD_TEST_STORE" not in os.environ


def test_the_children_do_not_see_somebody_elses_packages(run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setenv("VIRTUAL_ENV", "/elsewhere")
    environment = run.clean_environment()
    assert "PYTHONPATH" not in environment
    assert "VIRTUAL_ENV" not in environment
    assert environment["PATH"] == os.environ["PATH"]
