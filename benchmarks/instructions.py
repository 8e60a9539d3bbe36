"""Instructions per request, counted by callgrind: the same on a busy machine as on an idle one.

One process under valgrind builds all variants, then forks for each of them twice: once for few calls, once for many.
The difference between the two counts, divided by the difference of the calls, is what one warm call takes. Valgrind
hides the widest vector instructions, so cryptography is overstated: beside it we look better than we are.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from .measure import Variant
from .tables import section

FEW, MANY = 20, 120
CALLERS = 4
HEAD = ("variant", "instructions", "x bare", "at most", "met")
#: In our row's name, at most so many times bare Flask (T1b).
TARGET = 1.35


def run(markdown: bool, calls: tuple[int, int] = (FEW, MANY)) -> int:
    """Count, print the table; status 1 when the target is missed, 2 without valgrind."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        print("There is no valgrind on PATH: instructions can't be counted here.")
        return 2
    with tempfile.TemporaryDirectory(prefix="apiguard-callgrind-") as name:
        folder = Path(name)
        command = [
            valgrind, "--tool=callgrind", f"--callgrind-out-file={folder}/out.%p", f"--log-file={folder}/log.%p",
            sys.executable, "-m", "benchmarks.instructions", name, *map(str, calls),
        ]  # fmt: skip
        subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": "0"})
        return _report(json.loads((folder / "pids.json").read_text()), folder, calls, markdown)


def _report(pids: dict[str, list[int]], folder: Path, calls: tuple[int, int], markdown: bool) -> int:
    from . import ours

    costs = {
        name: (_total(folder / f"out.{many}") - _total(folder / f"out.{few}")) / (calls[1] - calls[0])
        for name, (few, many) in pids.items()
    }
    base, kept = costs[ours.BARE], costs[ours.GATE] / costs[ours.BARE] <= TARGET
    rows = [
        (name, f"{cost / 1000:.0f} k", f"{cost / base:.3f}")
        + ((f"{TARGET:.2f}", "yes" if kept else "NO") if name == ours.GATE else ("", ""))
        for name, cost in costs.items()
    ]
    section("Instructions per request", HEAD, rows, markdown)
    return 0 if kept else 1


def _total(out: Path) -> int:
    """The number of instructions of one process."""
    for line in out.read_text().splitlines():
        if line.startswith(("totals:", "summary:")):
            return int(line.split()[1])
    raise RuntimeError(f"{out} holds no total")


def _inside(folder: Path, calls: tuple[int, int]) -> None:
    """Under valgrind: build everything, fork for every variant and length."""
    import warnings

    from flask_apiguard.clients import watch
    from flask_apiguard.credentials import use
    from flask_apiguard.events import recorder
    from flask_apiguard.quotas import tablefile

    from . import ours, peers, stack

    warnings.simplefilter("ignore")
    # Under valgrind everything is fifty times slower except time itself: what is done every so many seconds would come
    # fifty times too often, so it is put off. The row that includes shipping does that itself.
    watch.INODE_EVERY = tablefile.INODE_SECONDS = use.EVERY_SECONDS = 3600.0
    # The writer beside the requests would ship now one batch, now two: it is not started.
    recorder.Recorder._rouse = lambda self: None  # type: ignore[method-assign]
    made = [*ours.bare_variants(CALLERS), *ours.gate_variants(folder, CALLERS)]
    for make, _, modules in stack.PEERS:
        if make in (peers.jwt_extended, stack.stack) and all(map(find_spec, modules)):
            made += make(folder, CALLERS)
    _fork(made[2], 1, folder)  # makes the event store, which all that follow find ready
    pids = {one.name: [_fork(one, count, folder) for count in calls] for one in made}
    (folder / "pids.json").write_text(json.dumps(pids))
    # Else the stores would be closed here, slowly, for nobody.
    os._exit(0)


def _fork(variant: Variant, count: int, folder: Path) -> int:
    """Warm up and call so many times in a child; its process id.

    What the parent did before is part of a child's count as well. So it does nothing between the two of a variant.
    """
    pid = os.fork()
    if pid:
        if os.waitpid(pid, 0)[1]:
            raise RuntimeError(f"{variant.name} failed")
        return pid
    status = 1
    try:
        for _ in range(variant.warm + 2 * CALLERS):
            variant.call()
        variant.settle()
        gc.collect()
        gc.disable()  # one collection of everything that was imported would outweigh all that is counted here
        for _ in range(count):
            variant.call()
        if variant.with_settle:
            variant.settle()
        for left in folder.rglob("*.spool"):  # the next one would ship it, and pay for it
            left.unlink()
        status = 0
    finally:
        os._exit(status)


if __name__ == "__main__":
    _inside(Path(sys.argv[1]), (int(sys.argv[2]), int(sys.argv[3])))
