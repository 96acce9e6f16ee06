"""Lambda: the real handlers, in execution environments that start, keep their state, and die."""

import importlib.util
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from types import CodeType
from typing import Any

from emulator.delivery_rules.retry_policies import (
    FailedAttempt,
    FailureKind,
    GiveUp,
    Limits,
    decide_async_retry,
)
from simulation import chance as kinds
from simulation.chance import Chance
from simulation.kernel import Kernel, Process
from simulation.seams import virtual_datetime

SKEW = 2.0
"""The most seconds by which the clocks of two machines differ from the true time."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of an invocation: its ``payload``, or the name of its ``error``."""

    payload: Any = None
    error: str = ""
    message: str = ""
    throttled: bool = False


Done = Callable[[Outcome], None]


@dataclass(slots=True)
class AsyncSettings:
    """The retries and destinations of a function's asynchronous invocations."""

    limits: Limits
    on_failure: str = ""
    on_success: str = ""


class Function:
    """A function of the templates. Each of its environments handles one invocation at a time."""

    def __init__(
        self,
        name: str,
        *,
        handler: str,
        settings: dict[str, str],
        timeout: float,
        kernel: Kernel,
        chance: Chance,
    ) -> None:
        self.name = name
        self.short = ".".join(handler.split(".")[1:-1])
        self.asynchronous = AsyncSettings(Limits(retries=2, age=21_600))
        self.invocations = 0
        self._module = handler.rpartition(".")[0]
        self.settings = settings
        self._timeout = timeout
        self._kernel = kernel
        self._chance = chance
        self._idle: list[dict[str, Any]] = []

    def invoke(self, payload: Any, done: Done) -> None:
        """Invoke the function with a payload; call ``done`` when the invocation has ended."""
        self.invocations += 1
        answer = partial(self._kernel.after, 0, done)
        if self._chance.fault(f"invoke {self.short}", [kinds.THROTTLE]):
            answer(Outcome(error="TooManyRequestsException", throttled=True))
            return
        idle = self._idle
        environment = idle.pop() if idle else {}
        crash = self._chance.fault(f"run {self.short}", [kinds.CRASH, kinds.DEATH])
        if crash == kinds.CRASH:
            # The environment dies before its handler begins, as without memory or on a bad host.
            answer(Outcome(error="Runtime.ExitError", message="the environment died"))
            return
        ended = False

        def end(outcome: Outcome) -> None:
            nonlocal ended
            if not ended:
                ended = True
                timer.cancel()
                answer(outcome)

        def run() -> None:
            try:
                if not environment:
                    self._start(environment)
                event = json.loads(json.dumps(payload))
                result = json.loads(json.dumps(environment["handler"](event, None)))
            except Exception as error:  # noqa: BLE001 -- Lambda reports whatever it is
                idle.append(environment)
                end(Outcome(error=type(error).__name__, message=str(error)))
            else:
                idle.append(environment)
                end(Outcome(payload=result))

        def stop(error: str) -> None:
            process.kill()
            end(Outcome(error=error, message=f"{self.short} was stopped"))

        skew = self._chance.between("skew", -SKEW, SKEW)
        process = Process(self.short, run, settings=self.settings, skew=skew)
        process.on_death = lambda: end(Outcome(error="Runtime.ExitError", message="died"))
        timer = self._kernel.after(self._timeout, stop, "Sandbox.Timedout")
        if crash == kinds.DEATH:
            self._kernel.after(self._chance.between("moment of death", 0, 0.2), process.kill)
        self._kernel.start(process)

    def renew(self) -> None:
        """Use no environment again that was started before, as after an update of the function."""
        self._idle = []

    def _start(self, environment: dict[str, Any]) -> None:
        """Import the handler's module, as a new environment does."""
        environment["__name__"] = self._module
        exec(code_of(self._module), environment)  # noqa: S102 -- the platform's own code
        if "datetime" in environment:
            environment["datetime"] = virtual_datetime(self._kernel)
        if "sleep" in environment:
            environment["sleep"] = self._kernel.sleep


@cache
def code_of(module: str) -> CodeType:
    """Return the code of a handler's module, to be executed for each environment."""
    importlib.import_module(module.rpartition(".")[0])
    spec = importlib.util.find_spec(module)
    loader: Any = spec and spec.loader
    code: CodeType = loader.get_code(module)
    return code


class AsyncQueue:
    """Lambda's queue of asynchronous invocations: duplicates, retries, destinations."""

    def __init__(
        self, kernel: Kernel, chance: Chance, send: Callable[[str, Mapping[str, Any]], None]
    ) -> None:
        """``send`` sends an invocation's record to its destination."""
        self._kernel, self._chance, self._send = kernel, chance, send

    def add(self, function: Function, payload: Any) -> None:
        """Queue an invocation of the function. Sometimes it is made twice."""
        where = f"queue of {function.short}"
        for delay in self._chance.deliveries(where, soon=0.05, late=600):
            self._kernel.after(delay, self._attempt, function, payload, self._kernel.now, 0, 0)

    def _attempt(
        self, function: Function, payload: Any, since: float, errors: int, throttles: int
    ) -> None:
        def done(outcome: Outcome) -> None:
            settings = function.asynchronous
            if not outcome.error:
                self._record(settings.on_success, function, payload, outcome, "Success", errors)
                return
            failures = errors + (not outcome.throttled), throttles + outcome.throttled
            kind = FailureKind.THROTTLED if outcome.throttled else FailureKind.FUNCTION_ERROR
            failed = FailedAttempt(
                kind=kind,
                times=failures[outcome.throttled],
                age=self._kernel.now - since,
                jitter=self._chance.draw("jitter"),
            )
            verdict = decide_async_retry(settings.limits, failed)
            if isinstance(verdict, GiveUp):
                given_up = settings.on_failure
                self._record(given_up, function, payload, outcome, verdict.condition, errors)
            else:
                self._kernel.after(
                    verdict.delay, self._attempt, function, payload, since, *failures
                )

        function.invoke(payload, done)

    def _record(
        self,
        destination: str,
        function: Function,
        payload: Any,
        outcome: Outcome,
        condition: str,
        errors: int,
    ) -> None:
        if destination:
            record = {
                "function": function.name,
                "condition": condition,
                "requestPayload": payload,
                "responsePayload": outcome.payload,
                "error": f"{outcome.error}: {outcome.message}",
            }
            self._send(destination, record)
