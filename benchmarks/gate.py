"""What the gate costs in a process, beside bare Flask and the peers: ``python -m benchmarks.gate``.

Every variant is a WSGI app that is called directly with a prepared environ, all in turn within each round. "x bare"
and the other ratios are medians of the ratios within the rounds, so they hold on a busy machine as well.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

from . import ours, peers, stack
from .measure import Variant, measure
from .tables import section, surroundings

#: Number, this gate's row, the row it is compared to, at most so many times, and what for.
LIMITS = (
    ("limit", ours.GATE, ours.BARE, 1.5),
    ("limit", ours.CHECKED, ours.BARE, 2.1),
    ("T1", ours.GATE, ours.BARE, 1.35),
    ("T2", ours.GATE, peers.JWT, 0.45),
    ("T3", ours.GATE, peers.RFC_9068, 0.65),
    ("", ours.GATE, peers.OPAQUE, 1.0),
    ("", ours.GATE, peers.LIMITER, 1.0),
    ("T4", ours.CHECKED, stack.STACK, 0.10),
    ("T4", ours.CHECKED, stack.STACK_AUDIT, 0.07),
    ("T6", ours.UNSHAPED, ours.BARE, 0.9),
    ("T6", ours.FORGED, ours.BARE, 1.8),
    ("", ours.UNSHAPED, peers.JWT_REFUSAL, 1.0),
    ("T8", ours.CHECKED, ours.BARE, 1.9),
    ("", ours.CHECKED, ours.BY_HAND, 1.5),
    ("", ours.CHECKED, peers.SMOREST, 1.0),
)
COSTS = ("variant", "µs", "over bare", "x bare")
RATIOS = ("target", "this gate / that", "ratio", "at most", "met")
PACKAGES = ("Flask", "Werkzeug", "Authlib", "SQLAlchemy", "marshmallow")


def variants_in(folder: Path, callers: int) -> tuple[list[Variant], list[str]]:
    """All variants, bare Flask first, and the rows of peers that are not installed."""
    for name in ("gate", "peers"):
        (folder / name).mkdir()
    peer, absent = stack.peer_variants(folder / "peers", callers)
    return [*ours.bare_variants(callers), *ours.gate_variants(folder / "gate", callers), *peer], absent


def cost_rows(variants: Sequence[Variant], absent: Sequence[str]) -> list[tuple[str, ...]]:
    base = variants[0]
    rows = [
        (one.name, f"{one.median * 1e6:.1f}", f"{(one.median - base.median) * 1e6:+.1f}", f"{one.over(base):.2f}")
        for one in variants
    ]
    return [*rows, *((name, "not installed", "", "") for name in absent)]


def ratio_rows(variants: Sequence[Variant]) -> list[tuple[str, ...]]:
    """One row for each limit, whose other side may be missing."""
    by_name = {one.name: one for one in variants}
    rows = []
    for number, mine, other, most in LIMITS:
        both = f"{mine} / {other}"
        if other not in by_name:
            rows.append((number, both, "not installed", f"{most:.2f}", ""))
            continue
        ratio = by_name[mine].over(by_name[other])
        rows.append((number, both, f"{ratio:.3f}", f"{most:.2f}", "yes" if ratio <= most else "NO"))
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables; the status is 1 when a limit of the project is not kept."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gate", description=__doc__)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--slice", type=float, default=18, metavar="MS", help="milliseconds of one variant per round")
    parser.add_argument("--callers", type=int, default=1000, help="clients that call in turn")
    parser.add_argument("--cpu", action="store_true", help="this thread's processor time instead of the wall's")
    parser.add_argument("--markdown", action="store_true", help="print the tables for the documentation")
    parser.add_argument("--instructions", action="store_true", help="count instructions with callgrind instead")
    parser.add_argument("--starting", action="store_true", help="also measure import and factory")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    if options.instructions:
        from .instructions import run

        return run(options.markdown)
    with tempfile.TemporaryDirectory(prefix="apiguard-bench-", ignore_cleanup_errors=True) as name:
        variants, absent = variants_in(Path(name), options.callers)
        measure(variants, variants[0], options.rounds, options.slice / 1000, options.cpu)
        section("What a call costs", COSTS, cost_rows(variants, absent), options.markdown)
        rows = ratio_rows(variants)
        section("Limits and targets", RATIOS, rows, options.markdown)
    kept = all(row[-1] != "NO" for row in rows if row[0] == "limit")
    if options.starting:
        from .starting import run as run_starting

        kept = run_starting(options.markdown, rounds=max(1, options.rounds // 3)) and kept
    clock = "processor time" if options.cpu else "wall time"
    print(f"\n{options.rounds} rounds, {clock}. {surroundings(PACKAGES)}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
