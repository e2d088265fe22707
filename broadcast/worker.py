"""LOOP: a worker process takes pieces of work from the queue and does them, one at a time.

Its watch, a thread, keeps the lease while the piece is under way. A piece that takes too long, a stop, or the end
of the parent process end the whole worker: `supervise_workers` starts a new one. What a killed worker had begun
is taken back when its lease runs out.
"""

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from broadcast import rendering
from broadcast.errors import LoaError
from broadcast.rendering import KINDS, TIME_LIMITS_S, UNEXPECTED, Workshop
from broadcast.settings import Settings
from broadcast.work import LEASE_S, Work, claim, fail, finish, is_due, reap, release, renew
from streams.errors import MediaRefused, SoundError

Make = Callable[[Workshop, Work], dict[str, Any]]

SPEECH = ("speech",)
"""What the worker takes that is kept free for notices: they must not wait behind recordings of two hours."""
IDLE_S = 0.2
STOPS_WITHIN_S = 5.0
TOOK_TOO_LONG = (
    "Xử lý âm thanh này mất quá nhiều thời gian nên đã bị dừng. Xin thử lại với tệp khác hoặc nội dung ngắn hơn."
)
_SWEEP_EVERY = timedelta(hours=1)
_TROUBLE_PAUSE_S = 2.0
_LONGEST_PAUSE_S = 30.0
_HEALTHY_AFTER_S = 60.0
_HUNG = 75  # the exit status of a worker that was ended by its own watch

log = structlog.get_logger(__name__)


class Worker:
    """One worker, by a name that no other has. `run` returns when `stop` is set and nothing is under way."""

    def __init__(
        self,
        workshop: Workshop,
        name: str,
        stop: threading.Event,
        *,
        kinds: Collection[str] = KINDS,
        lease_s: float = LEASE_S,
        time_limits_s: Mapping[str, float] = TIME_LIMITS_S,
        make: Make = rendering.make,
    ) -> None:
        self._workshop = workshop
        self._name = name
        self._stop = stop
        self._kinds = tuple(kinds)
        self._lease_s = lease_s
        self._time_limits_s = time_limits_s
        self._make = make
        self._trouble = False

    def run(self) -> None:
        """Look for work, do it, look again; rest a moment when there is none, and sweep now and then."""
        swept_at: datetime | None = None
        while not self._stop.is_set():
            now = self._workshop.now()
            if swept_at is None or now - swept_at > _SWEEP_EVERY:
                rendering.sweep(self._workshop.storage, now)
                swept_at = now
            try:
                busy = self.do_next()
                self._trouble = False
            except SQLAlchemyError as error:
                if not self._trouble:  # said once, not every two seconds of an outage
                    log.warning("worker.database", worker=self._name, error=str(error))
                self._trouble = True
                busy = False
            if not busy:
                self._stop.wait(_TROUBLE_PAUSE_S if self._trouble else IDLE_S)

    def do_next(self) -> bool:
        """Do one piece of work, if there is one."""
        shop = self._workshop
        with shop.database.reading() as session:
            if not is_due(session, self._kinds, shop.now()):
                return False
        with shop.database.transaction() as session:
            for lost in reap(session, shop.now()):
                rendering.regret(session, lost)
            work = claim(session, self._name, self._kinds, shop.now(), self._lease_s)
            if work is not None:
                rendering.begin(session, work)
        if work is not None:
            self._do(work)
        return work is not None

    def _do(self, work: Work) -> None:
        log.info("work.begin", work=work.id, kind=work.kind, attempt=work.attempts, worker=self._name)
        began = time.monotonic()
        try:
            with self._watch(work):
                result = self._make(self._workshop, work)
        except Exception as error:  # whatever it is, it must be seen and must not end the queue
            self._failed(work, error)
            return
        with self._workshop.database.transaction() as session:
            if finish(session, work.id, self._name, self._workshop.now(), result):
                rendering.announce(session, work, result)
        log.info("work.done", work=work.id, kind=work.kind, seconds=round(time.monotonic() - began, 2))

    def _failed(self, work: Work, error: Exception) -> None:
        told = isinstance(error, LoaError | SoundError)
        log.warning("work.failed", work=work.id, kind=work.kind, error=repr(error), exc_info=not told)
        sentence, final = (str(error) if told else UNEXPECTED), rendering.is_final(error)
        give_up(self._workshop, work, self._name, sentence, retry=not final)
        if isinstance(error, MediaRefused):
            with self._workshop.database.transaction() as session:
                rendering.forget_original(session, self._workshop.storage, work)

    def _watch(self, work: Work) -> "Watch":
        limit_s = self._time_limits_s[work.kind]
        return Watch(self._workshop, self._name, work, self._stop, lease_s=self._lease_s, limit_s=limit_s)


class Watch:
    """Keeps the lease of one piece of work, and ends this process when it must not go on."""

    def __init__(
        self,
        workshop: Workshop,
        worker: str,
        work: Work,
        stop: threading.Event,
        *,
        lease_s: float,
        limit_s: float,
    ) -> None:
        self._workshop = workshop
        self._worker = worker
        self._work = work
        self._stop = stop
        self._lease_s = lease_s
        self._deadline = time.monotonic() + limit_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, name=f"watch {work.id}", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        renew_at = time.monotonic() + self._lease_s / 4
        while not self._ended.wait(IDLE_S):
            if self._stop.is_set():
                self._end(0)
            elif time.monotonic() > self._deadline:
                log.error("work.hangs", work=self._work.id, kind=self._work.kind, worker=self._worker)
                self._end(_HUNG)
            elif time.monotonic() > renew_at:
                renew_at = time.monotonic() + self._lease_s / 4
                self._renew()

    def _end(self, status: int) -> None:
        """End this process, and say what becomes of the piece; the lease does when the database is out of reach."""
        try:
            if status == 0:
                with self._workshop.database.transaction() as session:
                    release(session, self._work.id, self._worker, self._workshop.now())
            else:
                give_up(self._workshop, self._work, self._worker, TOOK_TOO_LONG, retry=True)
        except Exception:  # the lease of the piece ends on its own
            log.exception("work.end", work=self._work.id, worker=self._worker)
        finally:
            os._exit(status)

    def _renew(self) -> None:
        try:
            with self._workshop.database.transaction() as session:
                renew(session, self._work.id, self._worker, self._workshop.now(), self._lease_s)
        except SQLAlchemyError as error:
            log.warning("work.renew", work=self._work.id, error=str(error))  # the lease lasts for three more tries


def give_up(workshop: Workshop, work: Work, worker: str, sentence: str, *, retry: bool) -> None:
    """Write down that a piece went wrong, where everybody who waits for it sees it."""
    with workshop.database.transaction() as session:
        stands = fail(session, work.id, worker, workshop.now(), sentence, retry=retry)
        if stands is not None:
            rendering.regret(session, stands)


def stop_with_parent(stop: threading.Event) -> None:
    """Set `stop` when the process that started this one is gone: a station that was killed leaves no workers."""
    parent = os.getppid()

    def look() -> None:
        while not stop.wait(1.0):
            if os.getppid() != parent:
                stop.set()

    threading.Thread(target=look, name="parent", daemon=True).start()


async def supervise_workers(settings: Settings, stop: asyncio.Event) -> None:
    """Run `settings.workers` worker processes, each started again when it ends, until `stop` is set."""
    async with asyncio.TaskGroup() as group:
        for number in range(settings.workers):
            kinds = SPEECH if number == 0 and settings.workers > 1 else KINDS
            group.create_task(_supervise(settings, kinds, stop), name=f"worker {number + 1}")


async def _supervise(settings: Settings, kinds: Sequence[str], stop: asyncio.Event) -> None:
    pause_s = 0.5
    while not stop.is_set():
        began = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "broadcast", "work", "--one", *kinds, env={**os.environ, **_environment(settings)}
        )
        ended, told = asyncio.create_task(process.wait()), asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({ended, told}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            told.cancel()
            await _end(process, ended)
        if stop.is_set():
            return
        pause_s = 0.5 if time.monotonic() - began > _HEALTHY_AFTER_S else min(2 * pause_s, _LONGEST_PAUSE_S)
        log.warning("worker.ended", status=process.returncode, again_in_s=pause_s)
        await asyncio.wait({asyncio.create_task(stop.wait())}, timeout=pause_s)


async def _end(process: asyncio.subprocess.Process, ended: "asyncio.Task[int]") -> None:
    """Have the process end: asked first, then made to."""
    if process.returncode is None:
        process.terminate()
        await asyncio.wait({ended}, timeout=STOPS_WITHIN_S)
    if process.returncode is None:
        process.kill()
    await ended


def _environment(settings: Settings) -> dict[str, str]:
    """The settings as the worker will read them, whatever file or option they came from."""
    return {f"LOA_{knob.name.upper()}": str(getattr(settings, knob.name)) for knob in fields(settings)}
