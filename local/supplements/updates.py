"""What becomes of a function's invocations while CloudFormation changes it.

AWS: they go on as they began, and later ones see the change.
https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html#functions-states-updating
MiniStack 1.5.33: ends all processes of the function, those at work as well.
Can go: when an invocation outlives an update of its function's stack.
"""

from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from local.supplements._seams import seam

_leaving: set[int] = set()
"""Processes at work whose function has changed, by the identity of their record."""


def install() -> None:
    """Let processes finish what they are at; after `throughput`, which leases them."""
    invalidate = seam(
        lambda_svc, "invalidate_worker", "func_name", "qualifier", "account", "region"
    )
    release = lambda_svc.release_worker

    def invalidated(func_name: str, *args: Any, **kwargs: Any) -> None:
        if args or kwargs:
            # A version, or a process that is beyond use: not an update by CloudFormation.
            invalidate(func_name, *args, **kwargs)
            return
        with lambda_runtime._lock:
            for key, workers in lambda_runtime._workers.items():
                if key.split(":")[-2] == func_name:
                    busy = [worker for worker in workers if worker.in_use]
                    _leaving.update(map(id, busy))
                    workers[:] = [worker for worker in workers if not worker.in_use]
        invalidate(func_name)

    def released(worker: Any) -> None:
        release(worker)
        if id(worker) in _leaving:
            _leaving.discard(id(worker))
            worker.kill()

    lambda_svc.invalidate_worker, lambda_svc.release_worker = invalidated, released
