"""The proof: the ledger verifies, a changed copy does not, and every call is on record."""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

from .stage import Stage, demand


def ledger(stage: Stage) -> None:
    """The ledger is verified; then one word of a copy is changed, and verification names the entry."""
    found = stage.people["mara"].post("/ledger/verification", "The ledger is what was written")
    demand(found["ok"], "The ledger should verify.", found)
    stage.note(f"{found['count']} entries verified")
    copy = stage.folder / "tampered"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    for path in stage.folder.glob("apiguard*"):
        if path.is_file() and path.suffix not in (".db", ".db-wal", ".db-shm"):
            shutil.copy2(path, copy)
    for name in ("apiguard.db", "apiguard-events.db"):
        with closing(sqlite3.connect(stage.folder / name)) as source, closing(sqlite3.connect(copy / name)) as target:
            source.backup(target)
    number = tamper(copy / "apiguard.db")
    told = stage.command(
        "audit", "verify", told=f"In a copy of it, entry {number} was changed", expect=1, EXAMPLE_INSTANCE=str(copy)
    )
    demand(str(number) in told, f"Verification should name entry {number}, but says: {told}")
    stage.note(next(line for line in told.splitlines() if str(number) in line))


def tamper(path: Path) -> int:
    """Make it look as if somebody else had decided; the number of the entry."""
    with closing(sqlite3.connect(path)) as conn, conn:
        seq, entry = conn.execute(
            "SELECT seq, entry FROM apiguard_ledger WHERE entry LIKE '%contract is signed%' ORDER BY seq DESC LIMIT 1"
        ).fetchone()
        changed = entry.replace("contract is signed", "contract is missing")
        conn.execute("UPDATE apiguard_ledger SET entry = ? WHERE seq = ?", (changed, seq))
    return int(seq)


def events(stage: Stage) -> None:
    """Every call by its reason, and how long each took behind the gate."""
    mara, path = stage.people["mara"], f"/calls?limit=200&since={stage.began}"
    page = mara.get(path, "Each call is on record, with its reason")
    found = page["items"]
    while page["cursor"]:
        page = mara.get(f"{path}&cursor={page['cursor']}")
        found += page["items"]
    reasons = Counter(one["reason"] for one in found)
    for reason, count in reasons.most_common():
        stage.note(f"{count:>5}  {reason}")
    times = sorted(one["latency"] for one in found)
    refused = sorted(one["latency"] for one in found if not one["allowed"])
    stage.note(f"inside the server {len(times)} calls took {told(times)}; those that the gate refused {told(refused)}")


def told(times: list[int]) -> str:
    """Half of them and nearly all of them, in milliseconds."""
    half, most = times[len(times) // 2], times[min(len(times) - 1, len(times) * 95 // 100)]
    return f"p50 {half / 1000:.1f} ms, p95 {most / 1000:.1f} ms"
