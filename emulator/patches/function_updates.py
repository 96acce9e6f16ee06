"""What becomes of a function's invocations while it is changed.

AWS: they go on as they began, and later ones see the change.
https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html#functions-states-updating
MiniStack 1.5.33: ends all processes of the function, those at work as well. A caller that
waited for a process meanwhile starts one of the old function, for all later callers.
Can go: when an invocation outlives any change of its function, and none after it sees what was
before.
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
    """Let processes finish what they are at; after `throughput`, which leases them."""
    seam(lambda_svc, "invalidate_worker", "func_name", "qualifier", "account", "region")
    acquire, release = lambda_svc.acquire_worker, lambda_svc.release_worker
    leased = threading.local()

    def invalidated(func_name: str, **_which: str) -> None:
        # No matter which version: none of our functions has any.
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
        # Nothing is released where a process proved beyond use: it was invalidated instead.
        done, leased.worker = leased.worker, None
        if id(done) in _leaving:
            _leaving.discard(id(done))
            done.kill()

    lambda_svc.invalidate_worker = invalidated
    lambda_svc.acquire_worker, lambda_svc.release_worker = acquired, released


def _dismissed(which: Callable[[Any], bool]) -> list[Any]:
    """Give such processes no more work; return the idle ones, the others end with what they do."""
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
