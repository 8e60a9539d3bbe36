"""The spool: one file per process, one write per event, so that what was recorded survives ``kill -9``.

The owner of a file holds an exclusive ``flock`` on it for as long as it may write; the kernel lets go of it when the
process ends, however it ends. A file without that lock has no owner any more and is adopted by whoever ships next.
"""

from __future__ import annotations

import errno
import fcntl
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
        self._size = 0
        self._torn = False
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
        """Write one line with exactly one system call; when it returns, the line survives this process.

        :raises OSError: nothing usable was written (disk full, folder gone, spool over its bound).
        """
        with self._lock:
            if self._fd < 0 or self._full or self._size >= self._rotate_at:
                self._prepare()
            data = b"\n" + line + b"\n" if self._torn else line + b"\n"
            written = os.write(self._fd, data)
            self._size += written
            if written != len(data):
                self._torn = True
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._torn = False

    def probe(self) -> None:
        """Open the file if it is not.

        :raises OSError: an append would fail as well.
        """
        with self._lock:
            if self._fd < 0 or self._full:
                self._prepare()

    def _prepare(self) -> None:
        if self._full:
            self.measure()
            if self._full:
                raise OSError(errno.EDQUOT, "the spool holds as much as it may")
        self._close()
        self._open()

    def _open(self) -> None:
        folder = self.folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            path = folder / f"{os.getpid()}-{secrets.token_hex(8)}{SUFFIX}"
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            fd = os.open(path, flags, 0o600)
            # Between the two calls somebody could have adopted the empty file and removed it: then take another.
            if try_lock(fd) and same_file(fd, path):
                self._fd, self.path, self._size, self._torn = fd, path, 0, False
                return
            os.close(fd)

    def tail(self) -> tuple[Path, int] | None:
        """The file being written and a descriptor of the caller's own to read it by, even after its removal."""
        with self._lock:
            return (self.path, os.dup(self._fd)) if self.path is not None else None

    def leave_removed(self) -> None:
        """Write no more into a file that lost its name: only this process could still read it."""
        with self._lock:
            if self.path is not None and not same_file(self._fd, self.path):
                self._close()

    def measure(self) -> int:
        """Bytes in the folder; remembers whether that is too much."""
        total = sum(entry_size(path) for path in files(self.folder))
        self._full = total >= self._hold_at_most
        return total

    def close(self) -> None:
        """Give the file up; whoever ships next adopts what is left in it."""
        with self._lock:
            self._close()

    def forked(self) -> None:
        """In a child: the file is the parent's, and the lock may be held by a thread that does not exist here."""
        self._lock = threading.Lock()
        self._close()

    def _close(self) -> None:
        fd, self._fd, self.path = self._fd, -1, None
        if fd >= 0:
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
