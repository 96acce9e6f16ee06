"""The same work with fewer threads, fewer processes and less parsing, for two cores.

AWS: scales out. An invocation that waits for a new execution environment uses an old one if that is
free first. Here a few cores have to do everything.
MiniStack 1.5.33: starts a process whenever all processes of a function are busy. To start one takes
the time of ten invocations, so under load the starts delay each other until they time out, and
too many processes take the cores from each other. The time-out of a task begins while its function
has no free process. It starts a thread for each request that may call back, each invocation and
each task, and parses every JSONata expression each time it is evaluated.
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
"""Starts a thread whenever none is idle, so that work never waits for a thread: no deadlock."""
_EXPRESSIONS = 1_000
_START = 5.0
"""Seconds for which invocations wait for a process that is being started."""
_MOMENT = 1.0
"""Seconds that an invocation waits before it has another process started, and after a start."""
_MOST = 4 * (os.cpu_count() or 1)
"""How many processes of one function there are at most."""


def install() -> None:
    """Use a pool of threads, start fewer processes, and cache parsed expressions."""
    pooled = SimpleNamespace(**{**vars(threading), "Thread": _Thread})
    for module in (concurrency, lambda_runtime, stepfunctions):
        module.threading = pooled
    stepfunctions.ThreadPoolExecutor = _executor
    _remember_expressions()
    _wait_for_the_warm()
    _invoke_in_turn()


class _Thread:
    """The part of `threading.Thread` that the emulator uses, on a thread of the pool."""

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
    """An executor for one call. Its thread is the pool's."""

    submit = _THREADS.submit

    def shutdown(self, **_: bool) -> None:
        """Do nothing: the thread belongs to the pool."""


def _executor(max_workers: int) -> Any:
    return _OneThread() if max_workers == 1 else ThreadPoolExecutor(max_workers)


def _remember_expressions() -> None:
    """Cache parsed expressions: their evaluation does not change the syntax tree."""
    parse = Parser.parse

    @lru_cache(_EXPRESSIONS)
    def parsed(expression: str, regex_engine: Any) -> Any:
        return parse(Parser(), expression, regex_engine)

    Parser.parse = lambda _, expression, regex_engine: parsed(expression, regex_engine)


class _Turn:
    """Decides when the next process of one function may be started."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.next_start = 0.0

    def until_start(self, waiting_since: float) -> float:
        """Return in how many seconds an invocation that waits since then may start a process."""
        return max(self.next_start, waiting_since + _MOMENT) - time.monotonic()

    def starts(self) -> None:
        """Make other invocations wait until this process has started, for ``_START`` at most."""
        self.next_start = time.monotonic() + _START

    def started(self) -> None:
        with self.changed:
            self.next_start = time.monotonic() + _MOMENT
            self.changed.notify_all()


def _wait_for_the_warm() -> None:
    """Let an invocation wait a moment for a free process before it starts a new one."""
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
                may_start = left <= 0 and len(workers) < _MOST
                if may_start or not all(worker.in_use for worker in workers):
                    break
                turn.changed.wait(left if left > 0 else _MOMENT)
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


def _invoke_in_turn() -> None:
    """Let the time-out of a task begin when its function has a process for it, as on AWS."""
    turns: defaultdict[str, threading.Semaphore] = defaultdict(lambda: threading.Semaphore(_MOST))
    run = stepfunctions._invoke_resource_with_timeout

    def invoked(resource: str, arguments: Any, timeout: float) -> Any:
        if ":::lambda:" not in resource:
            return run(resource, arguments, timeout)
        with turns[arguments["FunctionName"]]:
            return run(resource, arguments, timeout)

    stepfunctions._invoke_resource_with_timeout = invoked
