"""Invocations of a function that is being changed.

AWS: running invocations go on with the old function, and later ones use the new one.
https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html#functions-states-updating
MiniStack 1.5.33: ends all processes of the function, those with an invocation too. A caller that
waits for a process meanwhile starts one of the old function, which later callers get, too.
Can go: when a change of its function does not end an invocation, and no later invocation uses the
old function.
"""

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from emulator.patches._seams import seam

_leaving: set[int] = set()
"""Processes at work whose function has changed, by the identity of their record."""
_changes: Counter[str] = Counter()
"""How often the processes of each function were ended."""


def install() -> None:
    """Let processes finish their invocations.

    Install after `throughput`, which assigns processes.
    """
    seam(lambda_svc, "invalidate_worker", "func_name", "qualifier", "account", "region")
    acquire, release = lambda_svc.acquire_worker, lambda_svc.release_worker
    leased = threading.local()

    def invalidated(func_name: str, **_which: str) -> None:
        # The version does not matter: none of our functions has several.
        _changes[func_name] += 1
        lambda_runtime.kill_workers(_dismissed(lambda worker: worker.func_name == func_name))

    def acquired(func_name: str, *args: Any, **kwargs: Any) -> Any:
        before = _changes[func_name]
        worker, how = acquire(func_name, *args, **kwargs)
        if worker is not None and _changes[func_name] != before:
            _dismissed(lambda other: other is worker)
        leased.worker = worker
        return worker, how

    def released(worker: Any) -> None:
        release(worker)
        # A process that proved unusable is not released: MiniStack invalidates it instead.
        done, leased.worker = leased.worker, None
        if id(done) in _leaving:
            _leaving.discard(id(done))
            done.kill()

    lambda_svc.invalidate_worker = invalidated
    lambda_svc.acquire_worker, lambda_svc.release_worker = acquired, released


def _dismissed(which: Callable[[Any], bool]) -> list[Any]:
    """Give the matching processes no more work; return the idle ones.

    Busy ones end when they are done.
    """
    idle = []
    with lambda_runtime._lock:
        for workers in lambda_runtime._workers.values():
            for worker in filter(which, list(workers)):
                workers.remove(worker)
                if worker.in_use:
                    _leaving.add(id(worker))
                else:
                    idle.append(worker)
    return idle
