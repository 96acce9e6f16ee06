"""An invocation waits for a process of its function; only so many are started."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any, cast

import pytest
from ministack.core import lambda_runtime
from ministack.services import lambda_svc, stepfunctions

from emulator.patches import throughput
from tests.support.deliveries import eventually

FUNCTION = "take-payment"


class Processes:
    """The processes of one function, all of them busy."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self.all = [self._process() for _ in range(throughput._MOST)]
        monkeypatch.setattr(throughput, "_MOMENT", 0.01)
        monkeypatch.setattr(lambda_runtime, "_workers", {FUNCTION: self.all})
        monkeypatch.setattr(lambda_runtime, "_worker_key", lambda name, *_: name)
        monkeypatch.setattr(lambda_runtime.Worker, "_spawn", lambda _: None)
        monkeypatch.setattr(lambda_svc, "acquire_worker", self._acquire)
        monkeypatch.setattr(lambda_svc, "release_worker", self._release)
        throughput._wait_for_the_warm()

    @staticmethod
    def _process() -> SimpleNamespace:
        return SimpleNamespace(func_name=FUNCTION, in_use=True)

    def _acquire(self, *_: Any, **__: Any) -> tuple[SimpleNamespace, str]:
        for process in self.all:
            if not process.in_use:
                process.in_use = True
                return process, "reused"
        self.all.append(self._process())
        return self.all[-1], "spawn"

    @staticmethod
    def _release(process: SimpleNamespace) -> None:
        process.in_use = False

    def invoke(self) -> Future[SimpleNamespace]:
        """Let an invocation come; return the process that it will have."""
        come = threading.Event()

        def acquired() -> SimpleNamespace:
            come.set()
            process, _how = lambda_svc.acquire_worker(FUNCTION, {}, b"", qualifier="")
            return cast(SimpleNamespace, process)

        waiting = self._pool.submit(acquired)
        assert come.wait(5)
        return waiting


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Processes]:
    with ThreadPoolExecutor() as pool:
        yield Processes(monkeypatch, pool)


def test_no_process_is_started_above_the_most(processes: Processes) -> None:
    waiting = processes.invoke()
    with pytest.raises(TimeoutError):
        waiting.result(timeout=0.2)

    lambda_svc.release_worker(processes.all[3])

    assert waiting.result(timeout=5) is processes.all[3]
    assert len(processes.all) == throughput._MOST


def test_process_is_started_for_an_invocation_that_waits(processes: Processes) -> None:
    del processes.all[-1]

    started = processes.invoke().result(timeout=5)

    assert started is processes.all[-1]
    assert len(processes.all) == throughput._MOST


def test_timeout_of_a_task_begins_when_its_function_has_a_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ends = threading.Event()
    begun: list[str] = []

    def task(_: str, arguments: dict[str, str], __: float) -> None:
        begun.append(arguments["FunctionName"])
        assert ends.wait(5)

    monkeypatch.setattr(stepfunctions, "_invoke_resource_with_timeout", task)
    throughput._invoke_in_turn()

    def invoke(function: str) -> Future[None]:
        return pool.submit(
            stepfunctions._invoke_resource_with_timeout,
            "arn:aws:states:::lambda:invoke",
            {"FunctionName": function},
            8,
        )

    with ThreadPoolExecutor(throughput._MOST + 2) as pool:
        tasks = [invoke(FUNCTION) for _ in range(throughput._MOST + 1)]
        tasks.append(invoke("book-shipment"))
        eventually(lambda: "book-shipment" in begun)
        waiting = begun.count(FUNCTION)
        ends.set()
        for each in tasks:
            each.result(timeout=5)

    assert waiting == throughput._MOST
    assert begun.count(FUNCTION) == throughput._MOST + 1
