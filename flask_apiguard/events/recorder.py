"""The recorder: takes events on the request's way, ships them beside it, answers for what became of them."""

from __future__ import annotations

import datetime as dt
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path

from ..clock import Clock
from ..contracts import EventSink, Registry
from ..crypto import new_id
from ..db import Store
from ..errors import APIGuardError, StoreAway
from ..values import AccessEvent, Phase
from . import chain
from .delivery import Delivery, Lag
from .line import encode
from .query import Query
from .retention import Retained, retain
from .ship import Shipper
from .spool import HOLD_AT_MOST, ROTATE_AT, Spool

log = logging.getLogger("flask_apiguard.events")
CLOSED, OPEN = "closed", "open"
#: The reason of the one event that stands for all that could not be recorded; ``need`` is their number.
LOST = "events:records:lost"
#: Seconds between two looks into the spool while calls come in, and while none do. Each look takes the interpreter's
#: lock from requests for some statements, however few events it finds; whoever asks for events has them shipped first.
PACE, REST = 0.1, 1.0
#: Rounds without an event after which the writer rests.
_IDLE_ROUNDS = 10
#: Seconds between two looks at the whole folder: orphans, other processes' leftovers, total size.
_SWEEP = 2.0

_recorders: weakref.WeakSet[Recorder] = weakref.WeakSet()


class Recorder:
    """Records access events of this process.

    ``away`` says what happens when the spool can't be written: ``closed`` raises StoreAway("events"), ``open`` goes
    on; either way what is lost is counted and the count recorded as soon as that is possible again. With
    ``background=False`` (tests) there is no thread: `settle` does all the work, and every query settles first.
    """

    def __init__(
        self,
        folder: Path | Callable[[], Path],
        store: Store,
        clock: Clock,
        *,
        away: str = CLOSED,
        sinks: Sequence[EventSink] = (),
        keep: dt.timedelta = dt.timedelta(days=90),
        keep_addresses: dt.timedelta = dt.timedelta(days=30),
        background: bool = True,
        rotate_at: int = ROTATE_AT,
        hold_at_most: int = HOLD_AT_MOST,
    ) -> None:
        self._store = store
        self._clock = clock
        self._closed_when_away = away == CLOSED
        self._keep = keep
        self._keep_addresses = keep_addresses
        self._background = background
        self._spool = Spool(folder, rotate_at=rotate_at, hold_at_most=hold_at_most)
        self._shipper = Shipper(self._spool, store)
        self._delivery = Delivery(store, tuple(Registry[EventSink]("sink", lambda sink: sink.name, sinks)))
        self._guard = threading.Lock()
        self._threads: list[_Loop] = []
        self._resting = background
        self._idle = 0
        self._swept = float("-inf")
        self._lost = 0
        #: What keeps the writer from shipping, in one sentence; empty when nothing does.
        self.trouble = ""
        _recorders.add(self)

    def record(self, event: AccessEvent) -> None:
        """Take one event. When this returns, the event survives the process (or is counted as lost, when ``open``).

        :raises StoreAway: it could not be written, and ``away`` is ``closed``.
        """
        self.write(encode(event))

    def write(self, line: bytes) -> None:
        """The same for an event that is a line already.

        :raises StoreAway: it could not be written, and ``away`` is ``closed``.
        """
        try:
            self._spool.append(line)
        except OSError as error:
            self._miss(error)
            return
        if self._lost:
            self._confess()
        if self._resting:
            self._rouse()

    def ready(self) -> None:
        """Find out before the work is done whether its record could be written; costs nothing while all is well.

        :raises StoreAway: an event could not be written, and ``away`` is ``closed``.
        """
        if self._lost and self._closed_when_away:
            try:
                self._spool.probe()
            except OSError as error:
                raise StoreAway("events") from error
            if not self._confess():
                raise StoreAway("events")

    @property
    def query(self) -> Query:
        """The questions one may ask. Made anew each time: kept, it would be a cycle, and nobody's recorder stay."""
        return Query(self._store, self.settle)

    @property
    def lost(self) -> int:
        """Events of this process that could not be recorded and whose number is not on record yet."""
        return self._lost

    def _miss(self, error: OSError) -> None:
        with self._guard:
            self._lost += 1
            first = self._lost == 1
        if first:
            log.error("Access events can not be recorded in %s: %s", self._spool.folder, error)
        if self._closed_when_away:
            raise StoreAway("events") from error

    def _confess(self) -> bool:
        """Record how many events were lost; false when that does not work yet."""
        with self._guard:
            count = self._lost
            if not count:
                return True
            event = AccessEvent(
                id=new_id("lost"), phase=Phase.CALL, time=self._clock.time(), method="", path="", reason=LOST,
                need=str(count), outcome="lost",
            )  # fmt: skip
            try:
                self._spool.append(encode(event))
            except OSError:
                return False  # the count stands; the next event or round tries again
            self._lost -= count
        log.error("%d access events were lost; their number is on record.", count)
        return True

    def settle(self, timeout: float = 5.0) -> bool:
        """Make everything that any process of this host, living or dead, has recorded so far queryable.

        Returns false when that took longer than ``timeout`` seconds.

        :raises StoreAway: the event store does not answer.
        """
        if not self._shipper.lock.acquire(timeout=timeout):
            return False
        try:
            if self._lost:
                self._confess()
            self._shipper.ship_all()
        finally:
            self._shipper.lock.release()
        if not self._background and self._delivery.sinks:
            self._delivery.round()
        return True

    def deliver(self) -> int:
        """Serve the sinks that are due, here and now; returns how many events were taken."""
        return self._delivery.round()

    def lag(self) -> list[Lag]:
        """How far behind each sink is."""
        return self._delivery.lag()

    def head(self) -> chain.Head:
        """The head of the batches' chain, for a checkpoint."""
        return chain.head(self._store)

    def verify(self, expected: chain.Head | None = None) -> chain.Verification:
        """Check every batch; ``expected`` is a head that was taken down elsewhere."""
        return chain.verify(self._store, expected=expected, keep=self._keep)

    def retention(self, now: dt.datetime | None = None) -> Retained:
        """Cut addresses and delete events that are old enough."""
        now = now or self._clock.now()
        return retain(self._store, self._delivery, now, self._keep, self._keep_addresses)

    def close(self) -> None:
        """End the threads, ship what is there, let go of the files. What can't be shipped now stays in the spool."""
        with self._guard:
            threads, self._threads, self._resting = self._threads, [], False
        for loop in threads:
            loop.end()
        with self._shipper.lock:
            path = self._spool.path
            self._spool.close()
            try:
                self._shipper.finish_own(path)
            except APIGuardError as error:
                log.warning("Access events stay in the spool for the next process: %s", error)
            finally:
                self._shipper.close()
        self._resting = self._background

    def _rouse(self) -> None:
        with self._guard:
            self._resting = False
            if not self._threads:
                self._idle, self._swept = 0, float("-inf")
                self._threads = [_Loop(self, Recorder._ship_round, "apiguard-events")]
                if self._delivery.sinks:
                    # Of their own: a slow sink must not keep events from becoming queryable.
                    self._threads.append(_Loop(self, Recorder._sink_round, "apiguard-sinks"))

    def _ship_round(self) -> float:
        """One round of the writer; returns the seconds until the next."""
        if self._idle >= _IDLE_ROUNDS:
            # Said before looking: an event that comes after the look ends the rest, and is found within it.
            self._resting = True
        with self._shipper.lock:
            if self._lost:
                self._confess()
            if time.monotonic() - self._swept >= _SWEEP:
                self._swept = time.monotonic()
                shipped = self._shipper.ship_all()
            else:
                shipped = self._shipper.ship_own()
        self.trouble = ""
        if shipped:
            self._idle, self._resting = 0, False
        else:
            self._idle += 1
        return REST if self._resting else PACE

    def _sink_round(self) -> float:
        self._delivery.round()
        return REST if self._resting else PACE

    def forked(self) -> None:
        """In a child: files and threads are the parent's."""
        self._guard = threading.Lock()
        self._delivery.lock = threading.Lock()
        self._shipper.forked()
        self._spool.forked()
        self._threads, self._lost, self._resting = [], 0, self._background


class _Loop:
    """A daemon thread that does one round after the other and holds its recorder only while doing so."""

    def __init__(self, recorder: Recorder, act: Callable[[Recorder], float], name: str) -> None:
        self._over = threading.Event()
        # A recorder that nobody holds any more takes its threads with it.
        self._recorder = weakref.ref(recorder, lambda _: self._over.set())
        self._act = act
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Finish the round and wait for that."""
        self._over.set()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        pause = PACE  # what comes right behind the first event goes with it
        while not self._over.wait(pause):
            recorder = self._recorder()
            if recorder is None:
                return
            pause = self._round(recorder)
            del recorder

    def _round(self, recorder: Recorder) -> float:
        try:
            return self._act(recorder)
        except Exception as error:  # the writer must outlive whatever happens; the spool keeps everything
            if recorder.trouble != str(error):
                recorder.trouble = str(error) or type(error).__name__
                log.exception("Access events wait in the spool: %s", recorder.trouble)
            return REST


def _after_fork() -> None:
    for recorder in list(_recorders):
        recorder.forked()


os.register_at_fork(after_in_child=_after_fork)
