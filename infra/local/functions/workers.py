"""A function's execution environments: processes, each with one invocation at a time, as in Lambda.

A worker is started when there is work and none is idle. It is replaced if it dies or takes too long.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
import time
import uuid
from multiprocessing import forkserver, resource_tracker

from infra.local.functions.activity import Activity
from infra.local.functions.declared import Function
from infra.local.functions.runtime import Job, run
from infra.local.host.logs import Log

_KILLED_SECONDS = 2
_forkserver = multiprocessing.get_context("forkserver")
_forkserver.set_forkserver_preload(["infra.local.functions.preload", "infra.local.functions.runtime"])
_starting = threading.Lock()


def prepare() -> None:
    """Start the process that workers are forked from. Only the stack ends it and them: they all block signals
    to the process group."""
    resource_tracker.ensure_running()  # if the next call started it, it would unblock them again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def clear() -> None:
    """End that process, and wait: by themselves, it and the resource tracker end only after this one."""
    forkserver._forkserver._stop()  # type: ignore[attr-defined]
    resource_tracker._resource_tracker._stop()  # type: ignore[attr-defined]


class FunctionFailed(Exception):
    """An invocation without a result; the text is the error's type, and nothing that a user wrote."""


class FunctionTimedOut(FunctionFailed):
    """It took longer than the template allows, or no worker was free for that long."""


class WorkerDied(FunctionFailed):
    """The process ended before it answered."""


class _Worker:
    def __init__(self, handler: str, environment: dict[str, str], log: Log, name: str) -> None:
        self._pipe, jobs = _forkserver.Pipe()
        readable, output = _forkserver.Pipe(duplex=False)
        arguments = (jobs, output, handler, environment)
        with _starting:
            self._process = _forkserver.Process(target=run, args=arguments, name=name, daemon=True)
            self._process.start()
        jobs.close()
        output.close()
        log.follow(readable, name)

    def ask(self, job: Job, seconds: float) -> bytes:
        try:
            self._pipe.send(job)
            if not self._pipe.poll(seconds):
                raise FunctionTimedOut("timed out")
            error, result = self._pipe.recv()
        except (EOFError, OSError) as gone:
            raise WorkerDied("the worker died") from gone
        if error is not None:
            raise FunctionFailed(error)
        answer: bytes = result
        return answer

    def alive(self) -> bool:
        return self._process.is_alive()

    def kill(self) -> None:
        self._process.kill()

    def join(self) -> None:
        self._process.join(_KILLED_SECONDS)
        self._pipe.close()


class Pool:
    """Up to `size` workers of one function. Any thread may invoke it, and is blocked meanwhile."""

    def __init__(
        self, function: Function, size: int, environment: dict[str, str], activity: Activity, log: Log
    ) -> None:
        self.function, self.size = function, size
        self.environment = {
            **function.environment,
            **environment,
            "AWS_LAMBDA_FUNCTION_NAME": function.logical_id,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        }
        self._activity, self._log = activity, log
        self._free = threading.Semaphore(size)
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()
        self._closed = False

    def invoke(self, event: bytes, request_id: str | None = None) -> bytes:
        """The handler's result as JSON; raises FunctionFailed if there is none."""
        limit = self.function.timeout
        if not self._free.acquire(timeout=limit):
            raise FunctionTimedOut("no worker was free")
        try:
            worker = self._take()
            job = Job(request_id or str(uuid.uuid4()), time.time() + limit, event)
            try:
                with self._activity.of_a_function():
                    return worker.ask(job, limit)
            except (FunctionTimedOut, WorkerDied):
                self._drop(worker)
                raise
            finally:
                self._put_back(worker)
        finally:
            self._free.release()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            workers, self._all, self._idle = self._all, set(), []
        for worker in workers:
            worker.kill()
        for worker in workers:
            worker.join()

    def _take(self) -> _Worker:
        with self._lock:
            if self._closed:
                raise FunctionFailed("the stack is stopping")
            while self._idle:
                worker = self._idle.pop()
                if worker.alive():
                    return worker
                self._all.discard(worker)
        worker = _Worker(self.function.handler, self.environment, self._log, self.function.name)
        with self._lock:
            self._all.add(worker)
        return worker

    def _put_back(self, worker: _Worker) -> None:
        """A worker is usable after its handler raised, as in Lambda, but not after it hung or died."""
        with self._lock:
            if worker in self._all:
                self._idle.append(worker)

    def _drop(self, worker: _Worker) -> None:
        with self._lock:
            self._all.discard(worker)
        worker.kill()
        worker.join()
