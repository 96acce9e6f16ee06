"""The one thread that serves all event source mappings, and the base class of their pollers.

The thread waits for MiniStack's signal that a source has something new, and never for a function:
each invocation has a thread of its own, which wakes this one when it has ended.
"""

import functools
import json
import logging
import math
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from ministack.core.concurrency import esm_wake, spawn_background
from ministack.core.responses import get_account_id, get_region, json_response, request_scope
from ministack.services import lambda_svc

from emulator.faults.deliveries import invoke_with_batch
from emulator.patches._cloudformation import after, present
from emulator.patches._seams import seam
from emulator.patches.permissions import AccessDenied, Role, check

logger = logging.getLogger("emulator.mappings")

# After this time, a mapping that was enabled, or a role with new rights, is noticed.
_POLL_SECONDS = 1.0

_factories: dict[str, Callable[[dict[str, Any]], "MappingPoller"]] = {}
_pollers: dict[tuple[str, str, str], "MappingPoller"] = {}
_callbacks: deque[Callable[[], None]] = deque()


class MappingPoller(ABC):
    """Serves one mapping. Only this module's thread calls its methods."""

    def __init__(self, mapping: dict[str, Any]) -> None:
        self.mapping = mapping
        self._scope = (get_account_id(), get_region())
        self._trusted_until = self._refused_until = 0.0

    @abstractmethod
    def work(self, now: float) -> float:
        """Do what is due at ``now``; return when to call again, unless something happens before."""

    def step(self, now: float) -> float:
        """Call ``work`` if the mapping is enabled; return when to call again."""
        with request_scope(*self._scope):
            enabled = self.mapping.get("Enabled", True) and self.function is not None
            return self.work(now) if enabled else math.inf

    @property
    def function(self) -> Any:
        """MiniStack's record of the function, version or alias that the mapping invokes."""
        name, qualifier = self.mapping["FunctionName"], self.mapping.get("Qualifier")
        return lambda_svc._get_func_record_for_qualifier(name, qualifier)[0]

    @property
    def role(self) -> Role:
        """The function's role, with which the source is read."""
        return Role(arn=self.function["config"]["Role"])

    def may(self, needs: Iterable[tuple[str, str]], now: float) -> bool:
        """Return whether the role has the rights ``needs``. The answer is kept for a second."""
        if now >= max(self._trusted_until, self._refused_until):
            try:
                for action, resource in needs:
                    check(self.role, action, resource)
            except AccessDenied:
                self._refused_until = now + _POLL_SECONDS
            else:
                self._trusted_until = now + _POLL_SECONDS
        return now < self._trusted_until

    def invoke(self, event: Mapping[str, Any], then: Callable[[dict[str, Any]], None]) -> None:
        """Invoke the function in another thread; then call `then` with its result in this one."""
        function = self.function

        def run() -> None:
            result = {"error": True}
            try:
                execute = partial(lambda_svc._execute_function, function, event)
                result = invoke_with_batch(f"batch of {self.mapping['FunctionName']}", execute)
            finally:
                _callbacks.append(partial(self._ended, result, then))
                esm_wake.set()

        spawn_background(run, thread_name="mapping")

    def _ended(self, result: dict[str, Any], then: Callable[[dict[str, Any]], None]) -> None:
        failed = bool(result.get("error"))
        if failed:
            name, source = self.mapping["FunctionName"], self.mapping["EventSourceArn"]
            logger.warning("%s failed at a batch of %s: %s", name, source, result.get("body"))
        with request_scope(*self._scope):
            then(result)
        self.mapping["LastProcessingResult"] = "PROBLEM: Function call failed" if failed else "OK"


def matching_ids(mapping: Mapping[str, Any], records: list[Any]) -> set[int]:
    """Return the ids, by Python's `id()`, of the records that pass the mapping's filters.

    A record that is nested too deeply to be parsed is filtered out, like one that is not JSON: it
    must not block the records after it.
    """
    return {id(record) for record in records if _matches(mapping, record)}


def _matches(mapping: Mapping[str, Any], record: Any) -> bool:
    try:
        return bool(lambda_svc._apply_filter_criteria([record], mapping))
    except RecursionError:
        return False


def register_poller(service: str, poller: Callable[[dict[str, Any]], MappingPoller]) -> None:
    """Register the poller for event source mappings whose sources belong to ``service``."""
    _factories[service] = poller
    _take_over()


@functools.cache
def _take_over() -> None:
    create = seam(lambda_svc, "_create_esm", "data")
    seam(lambda_svc, "_poll_loop")

    def created(data: dict[str, Any]) -> tuple[int, Any, Any]:
        response: tuple[int, Any, Any] = create(data)
        if response[0] != 202:
            return response
        mapping = _register(json.loads(response[2])["UUID"], data)
        answer: tuple[int, Any, Any] = json_response(lambda_svc._esm_response(mapping), 202)
        return answer

    lambda_svc._create_esm = created
    lambda_svc._poll_loop = _run
    after(
        "AWS::Lambda::EventSourceMapping", lambda name, properties, _: _register(name, properties)
    )


def _register(identifier: str, properties: Mapping[str, Any]) -> Any:
    mapping = lambda_svc._esms[identifier]
    # MiniStack does not return the first two, and has one default for all sources.
    mapping |= present(properties, "StartingPositionTimestamp", "TumblingWindowInSeconds")
    service = mapping["EventSourceArn"].split(":")[2]
    if service != "sqs":
        mapping["BatchSize"] = int(properties.get("BatchSize", 100))
    key = (get_account_id(), get_region(), identifier)
    if key not in _pollers:
        _pollers[key] = _factories[service](mapping)
    esm_wake.set()
    return mapping


def _run() -> None:
    while True:
        esm_wake.clear()
        while _callbacks:
            _guarded(_callbacks.popleft())
        now = time.time()
        due = now + _POLL_SECONDS
        for key, poller in list(_pollers.items()):
            if key in lambda_svc._esms._data:
                due = min(due, _guarded(partial(poller.step, now)))
            else:
                del _pollers[key]
        esm_wake.wait(max(0.0, due - time.time()))


def _guarded(work: Callable[[], float | None]) -> float:
    """Call ``work``; log its error, so that one mapping's error does not stop the others."""
    try:
        due = work()
    except Exception:
        logger.exception("an event source mapping cannot go on")
        return math.inf
    return math.inf if due is None else due
