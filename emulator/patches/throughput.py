"""The same work with fewer threads, processes and parsing: the orders of many on two cores.

AWS: scales out, and an invocation that waits for a new environment takes an old one that is free
before. Here a few cores do it all, so what is wasted is what the platform lacks.
MiniStack 1.5.33: starts a process whenever all of a function's are busy, so that under load they
start each other's end: starting one takes the time of fifty invocations. It starts a thread for
each request that may call back, each invocation and each task, and parses every JSONata expression
whenever it is evaluated.
Can go: when `bench/order_throughput.py` shows no difference without it.
"""

import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from jsonata.parser import Parser
from ministack.core import concurrency, lambda_runtime
from ministack.services import lambda_svc, stepfunctions

_THREADS = ThreadPoolExecutor(10_000, thread_name_prefix="pooled")
"""Starts a thread whenever none is idle: no work ever waits for what waits for it."""
_EXPRESSIONS = 1_000
_START = 5.0
"""Seconds after which nobody waits any more for a process that is being started."""
_MOMENT = 1.0
"""Seconds that an invocation waits before it has another process started, and after a start."""


def install() -> None:
    """Put the pool where threads were started, and remember parsed expressions."""
    pooled = SimpleNamespace(**{**vars(threading), "Thread": _Thread})
    for module in (concurrency, lambda_runtime, stepfunctions):
        module.threading = pooled
    stepfunctions.ThreadPoolExecutor = _executor
    _remember_expressions()
    _wait_for_the_warm()


class _Thread:
    """What the emulator uses of `threading.Thread`, on a thread that was there before."""

    def __init__(
        self,
        *,
        target: Callable[..., object],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        **_naming: Any,
    ) -> None:
        self._work = lambda: target(*args, **(kwargs or {}))
        self._done: Future[object] | None = None

    def start(self) -> None:
        self._done = _THREADS.submit(self._work)

    def join(self, timeout: float | None = None) -> None:
        if self._done is not None:
            wait([self._done], timeout)

    def is_alive(self) -> bool:
        return self._done is not None and not self._done.done()


class _OneThread:
    """An executor of one thread, for one call."""

    submit = _THREADS.submit

    def shutdown(self, **_: bool) -> None:
        """Leave the thread to the pool."""


def _executor(max_workers: int) -> Any:
    return _OneThread() if max_workers == 1 else ThreadPoolExecutor(max_workers)


def _remember_expressions() -> None:
    """Parse each expression once: evaluating it does not change its tree."""
    parse = Parser.parse

    @lru_cache(_EXPRESSIONS)
    def parsed(expression: str, regex_engine: Any) -> Any:
        return parse(Parser(), expression, regex_engine)

    Parser.parse = lambda _, expression, regex_engine: parsed(expression, regex_engine)


class _Turn:
    """Whose turn it is at the processes of one function."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.next_start = 0.0

    def until_start(self, waiting_since: float) -> float:
        """Seconds until one who waits may start a process."""
        return max(self.next_start, waiting_since + _MOMENT) - time.monotonic()

    def starts(self) -> None:
        """Another waits until this one is up; for a while only, as it may never be started."""
        self.next_start = time.monotonic() + _START

    def started(self) -> None:
        with self.changed:
            self.next_start = time.monotonic() + _MOMENT
            self.changed.notify_all()


def _wait_for_the_warm() -> None:
    """Let an invocation take a process that is free in a moment, rather than start one."""
    acquire, release = lambda_svc.acquire_worker, lambda_svc.release_worker
    spawn = lambda_runtime.Worker._spawn
    turns: defaultdict[str, _Turn] = defaultdict(_Turn)
    starts = threading.Semaphore(os.cpu_count() or 1)

    def acquired(name: str, config: Any, code: bytes, *, qualifier: str, **options: Any) -> Any:
        key = lambda_runtime._worker_key(name, config, qualifier)
        turn = turns[name]
        came = time.monotonic()
        with turn.changed:
            while workers := lambda_runtime._workers.get(key):
                left = turn.until_start(came)
                if left <= 0 or not all(worker.in_use for worker in workers):
                    break
                turn.changed.wait(left)
            worker, how = acquire(name, config, code, qualifier=qualifier, **options)
            if how == "spawn":
                turn.starts()
            return worker, how

    def spawned(worker: Any) -> None:
        try:
            with starts:
                spawn(worker)
        finally:
            turns[worker.func_name].started()

    def released(worker: Any) -> None:
        release(worker)
        if worker is not None:
            turn = turns[worker.func_name]
            with turn.changed:
                turn.changed.notify()

    lambda_svc.acquire_worker, lambda_svc.release_worker = acquired, released
    lambda_runtime.Worker._spawn = spawned
