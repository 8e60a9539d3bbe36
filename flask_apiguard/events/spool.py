"""The spool: a file for each process, mapped, so that what was recorded survives ``kill -9`` without a system call.

What was copied into a mapped file is the kernel's, as after a ``write``; but no disk that is busy holds up the
request, and no other thread takes the interpreter's lock away meanwhile. The file is allocated ahead, window by
window, so a full disk says so before anything is promised.

The owner of a file holds an exclusive ``flock`` on it for as long as it may write; the kernel lets go of it when the
process ends, however it ends. A file without that lock has no owner any more and is adopted by whoever ships next.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

SUFFIX = ".spool"
#: Bytes after which a process goes on in a new file.
ROTATE_AT = 8 * 1024 * 1024
#: Bytes that all files of a folder may hold together; beyond it the spool counts as full.
HOLD_AT_MOST = 512 * 1024 * 1024
#: Bytes that are allocated and mapped at a time.
WINDOW = 256 * 1024


class Spool:
    """The file of this process. Opens nothing before the first append; safe for threads."""

    def __init__(
        self,
        folder: Path | Callable[[], Path],
        *,
        rotate_at: int = ROTATE_AT,
        hold_at_most: int = HOLD_AT_MOST,
    ) -> None:
        self._locate = folder
        self._rotate_at = rotate_at
        self._hold_at_most = hold_at_most
        self._lock = threading.Lock()
        self._fd = -1
        self._window: mmap.mmap | None = None
        #: Where the window begins in the file; in the window, where the next line goes, and where none may go on.
        self._base = self._at = self._limit = 0
        self._full = False
        #: The file being written, or None.
        self.path: Path | None = None

    @property
    def folder(self) -> Path:
        """Where the files lie."""
        if callable(self._locate):
            self._locate = self._locate()
        return self._locate

    def append(self, line: bytes) -> None:
        """Put one line behind the last, in one copy; when this returns, the line survives this process.

        :raises OSError: nothing usable was written (disk full, folder gone, spool over its bound).
        """
        data = line + b"\n"
        with self._lock:
            at = self._at
            if at + len(data) > self._limit:
                at = self._make_room(len(data))
            # First, so that whoever is interrupted in between leaves a gap, and not a line that is written over.
            self._at = end = at + len(data)
            self._window[at:end] = data  # type: ignore[index]

    def probe(self) -> None:
        """Open the file if it is not.

        :raises OSError: an append would fail as well.
        """
        with self._lock:
            if self._at >= self._limit:
                self._make_room(1)

    def _make_room(self, size: int) -> int:
        """Where so many bytes can go: in this window after all, in the next one, or in another file."""
        if self._full:
            self._full = self._is_full()
            if self._full:
                raise OSError(errno.EDQUOT, "the spool holds as much as it may")
        window, begins = self._window, 0
        if window is not None:
            self._limit = self._bound(window)
            if self._at + size <= self._limit:
                return self._at
            begins = self._base + len(window)
        if window is None or begins + size > self._rotate_at:
            self._close()
            self._open()
            begins = 0
        else:
            window[self._at :] = b"\n" * (len(window) - self._at)
            self._at = len(window)
        self._map(begins, size)
        return 0

    def _map(self, begins: int, size: int) -> None:
        """Allocate and map the next window. Until it stands, nothing fits anywhere."""
        self._limit = 0
        length = max(WINDOW, -(-size // mmap.ALLOCATIONGRANULARITY) * mmap.ALLOCATIONGRANULARITY)
        os.posix_fallocate(self._fd, begins, length)
        window, before = mmap.mmap(self._fd, length, offset=begins), self._window
        self._window, self._base, self._at = window, begins, 0
        self._limit = max(self._bound(window), size)
        if before is not None:
            before.close()

    def _bound(self, window: mmap.mmap) -> int:
        return min(len(window), self._rotate_at - self._base)

    def _open(self) -> None:
        folder = self.folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            path = folder / f"{os.getpid()}-{secrets.token_hex(8)}{SUFFIX}"
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            # Between the two calls somebody could have adopted the empty file and removed it: then take another.
            if try_lock(fd) and same_file(fd, path):
                self._fd, self.path = fd, path
                return
            os.close(fd)

    def tail(self) -> tuple[Path, int] | None:
        """The file being written and a descriptor of the caller's own to read it by, even after its removal."""
        with self._lock:
            return (self.path, os.dup(self._fd)) if self.path is not None else None

    def written(self) -> tuple[Path | None, int]:
        """The file being written, and how many of its bytes are; what stands behind them was never promised."""
        with self._lock:
            return self.path, self._base + self._at

    def leave_removed(self) -> None:
        """Write no more into a file that lost its name: only this process could still read it."""
        with self._lock:
            if self.path is not None and not same_file(self._fd, self.path):
                self._close()

    def measure(self) -> None:
        """Look whether the folder holds too much; appends then fail until it does not."""
        full = self._is_full()
        with self._lock:
            self._full = full
            if full:
                self._limit = 0

    def _is_full(self) -> bool:
        # Of its own, what was written: what lies allocated before it is as empty as any disk.
        others = sum(entry_size(path) for path in files(self.folder) if path != self.path)
        return others + self._base + self._at >= self._hold_at_most

    def close(self) -> None:
        """Give the file up; whoever ships next adopts what is left in it."""
        with self._lock:
            self._close()

    def forked(self) -> None:
        """In a child: the file is the parent's, and the lock may be held by a thread that does not exist here."""
        self._lock = threading.Lock()
        self._close(trim=False)

    def _close(self, trim: bool = True) -> None:
        fd, window, ends = self._fd, self._window, self._base + self._at
        self._fd, self._window, self.path = -1, None, None
        self._base = self._at = self._limit = 0
        if window is not None:
            window.close()
        if fd >= 0:
            try:
                if trim:
                    os.ftruncate(fd, ends)
            finally:
                os.close(fd)

    def __del__(self) -> None:
        if getattr(self, "_fd", -1) >= 0:
            self._close()


def files(folder: Path) -> list[Path]:
    """Every spool file of a folder, of the living and the dead; none when there is no such folder."""
    try:
        return sorted(path for path in folder.iterdir() if path.name.endswith(SUFFIX))
    except (FileNotFoundError, NotADirectoryError):
        return []


def entry_size(path: Path) -> int:
    """Bytes of a file; zero when it has just been removed."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


@contextmanager
def adopted(path: Path) -> Iterator[int | None]:
    """A descriptor of an orphaned file under its lock; None when its owner lives or somebody else is at it."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield None
        return
    try:
        yield fd if try_lock(fd) and same_file(fd, path) else None
    finally:
        os.close(fd)


def try_lock(fd: int) -> bool:
    """Take the exclusive lock if it is free."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def same_file(fd: int, path: Path) -> bool:
    """Whether the name still leads to this open file."""
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except OSError:
        return False
