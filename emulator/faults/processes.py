"""Deaths of functions' processes, in the middle of an invocation or right after it."""

import threading
from typing import Any

from ministack.core import lambda_runtime

from emulator.faults.chance import FAULTS, Kind

LONGEST_LIFE = 0.25
"""The most seconds for which a process that is to die goes on."""


def install() -> None:
    """Let processes die. An invocation whose process dies fails, as on AWS."""
    invoke = lambda_runtime.Worker.invoke

    def invoked(worker: Any, *event: Any, **more: Any) -> Any:
        if FAULTS.choose(f"process of {worker.func_name}", (Kind.DEATH,)):
            life = FAULTS.between(f"life of {worker.func_name}", 0, LONGEST_LIFE)
            threading.Timer(life, _kill, [worker]).start()
        return invoke(worker, *event, **more)

    lambda_runtime.Worker.invoke = invoked


def _kill(worker: Any) -> None:
    if process := worker._proc:
        process.kill()
