"""What others install: an editable install hides a file that the wheel forgets."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    for name in ("pyproject.toml", "setup.cfg", "MANIFEST.in", "LICENSE", "README.md", "run.py"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, project)
    for name in ("flask_apiguard", "tests/house"):  # one that belongs in, one that does not
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path, project]
    subprocess.run(command, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    package = project / "flask_apiguard"
    assert packed == {path.relative_to(project).as_posix() for path in package.rglob("*") if path.is_file()}
    assert "flask_apiguard/py.typed" in packed
