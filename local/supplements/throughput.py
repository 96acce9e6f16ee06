"""The same work with fewer threads and less parsing: a hundred orders a second on two cores.

AWS: scales out. Here one process does it all, so what it wastes is what the platform lacks.
MiniStack 1.5.33: starts a thread for each request that may call back, each invocation and each
task, and parses every JSONata expression whenever it is evaluated.
Can go: when `bench/order_path.py` shows no difference without it.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from jsonata.parser import Parser
from ministack.core import concurrency, lambda_runtime
from ministack.services import stepfunctions

_THREADS = ThreadPoolExecutor(10_000, thread_name_prefix="pooled")
"""Starts a thread whenever none is idle: no work ever waits for what waits for it."""
_EXPRESSIONS = 1_000


def install() -> None:
    """Put the pool where threads were started, and remember parsed expressions."""
    pooled = SimpleNamespace(**{**vars(threading), "Thread": _Thread})
    for module in (concurrency, lambda_runtime, stepfunctions):
        module.threading = pooled
    stepfunctions.ThreadPoolExecutor = _executor
    _remember_expressions()


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
