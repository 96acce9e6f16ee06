"""Step Functions: an interpreter of the part of Amazon States Language that the sagas use.

It uses JSONata. https://states-language.net and
https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from emulator.delivery_rules.step_functions_timing import execution_timeout, retry_delay
from simulation import chance as kinds
from simulation.chance import Chance
from simulation.expressions import StateError, evaluate, names
from simulation.functions import Done, Outcome
from simulation.kernel import Kernel, Process, Signal

if TYPE_CHECKING:
    from simulation.tables import Tables

State = Mapping[str, Any]
Perform = Callable[[Any, Done], None]
"""Carries a task out with its arguments; errors have Step Functions' names."""
TASK_FAULTS = (
    kinds.THROTTLE, kinds.BEFORE, kinds.SERVER_ERROR, kinds.LOST, kinds.LATE, kinds.STOP,
)  # fmt: skip


def update_item(tables: "Tables") -> Perform:
    """Return what carries DynamoDB's task out."""

    def perform(arguments: Mapping[str, Any], done: Done) -> None:
        answer = tables.perform("update_item", arguments)
        if isinstance(answer, Exception):
            code = answer.response["Error"]["Code"]  # type: ignore[attr-defined]
            done(Outcome(error=f"DynamoDB.{code}"))
        else:
            done(Outcome(payload=answer))

    return perform


@dataclass(slots=True)
class Execution:
    """One execution of a saga: its input, its variables and its status."""

    id: str
    input: Any
    states: Mapping[str, State]
    """Those of the definition with which it began: a later one does not change it."""
    variables: dict[str, Any] = field(default_factory=dict)
    state: str = ""
    status: str = "RUNNING"
    process: Process | None = None
    retries: list[int] = field(default_factory=list)
    """How often the present task was tried again, by retrier."""

    @property
    def order_id(self) -> str:
        """The id of the execution's order."""
        return str(self.input["metadata"]["subject"])


class Machine:
    """A state machine of the templates."""

    def __init__(
        self,
        name: str,
        definition: Mapping[str, Any],
        *,
        express: bool,
        tasks: Mapping[str, Perform],
        kernel: Kernel,
        chance: Chance,
        note: Callable[[str, str], None],
    ) -> None:
        """``tasks`` has a function for each task's resource; ``note`` adds to a journey."""
        self.name, self.short = name, name.partition(".")[2].partition("Machine")[0]
        self.states: Mapping[str, State] = definition["States"]
        self.executions: list[Execution] = []
        self._definition = definition
        self._timeout = execution_timeout(definition, express=express)
        self._express = express
        self._tasks = tasks
        self._kernel, self._chance, self._note = kernel, chance, note

    def start(self, input: Any) -> None:
        """Start an execution. An Express workflow sometimes runs twice."""
        # https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html
        self._start(input)
        if self._express and self._chance.fault(f"start {self.short}", [kinds.DUPLICATE], rate=2):
            self._kernel.after(self._chance.between("again", 0, 5), self._start, input)

    def _start(self, input: Any) -> None:
        execution = Execution(f"{self.short}:{len(self.executions) + 1}", input, self.states)
        self.executions.append(execution)
        execution.process = Process(self.short, lambda: self._run(execution))

        def stop(status: str) -> None:
            if execution.status == "RUNNING" and execution.process:
                execution.status = status
                self._note(execution.order_id, f"{execution.id} {status} in {execution.state}")
                execution.process.kill()

        execution.process.on_death = lambda: stop("ABORTED")
        if self._timeout:
            self._kernel.after(self._timeout, stop, "TIMED_OUT", background=True)
        self._kernel.start(execution.process)

    def _run(self, execution: Execution) -> None:
        execution.state = self._definition["StartAt"]
        while execution.status == "RUNNING":
            state = execution.states[execution.state]
            self._note(execution.order_id, f"{execution.id} {execution.state}")
            try:
                following = self._play(execution, state)
            except StateError as error:
                following = self._caught(execution, state, error)
            if following:
                execution.state = following

    def _play(self, execution: Execution, state: State) -> str:
        """Execute a state; return the next one's name."""
        match state["Type"]:
            case "Succeed":
                execution.status = "SUCCEEDED"
                return ""
            case "Fail":
                execution.status = "FAILED"
                return ""
            case "Choice":
                for choice in state["Choices"]:
                    if self._evaluate(choice["Condition"], execution, {}):
                        return str(choice["Next"])
                return str(state["Default"])
            case "Pass":
                self._assign(execution, state, {})
            case "Task":
                result = self._task(execution, state)
                self._assign(execution, state, {"result": result})
            case kind:
                raise ValueError(f"a state of the type {kind} is not known here")
        if state.get("End"):
            execution.status = "SUCCEEDED"
        return str(state.get("Next", ""))

    def _caught(self, execution: Execution, state: State, error: StateError) -> str:
        self._note(execution.order_id, f"{execution.id} {execution.state} failed: {error}")
        for catcher in state.get("Catch", ()):
            if names(catcher, error.error):
                output = {"errorOutput": {"Error": error.error, "Cause": error.cause}}
                self._assign(execution, catcher, output)
                return str(catcher["Next"])
        execution.status = "FAILED"
        return ""

    def _task(self, execution: Execution, state: State) -> Any:
        """Execute a task, with its retries; return its result."""
        retriers = state.get("Retry", ())
        execution.retries = retries = [0] * len(retriers)
        while True:
            try:
                return self._attempt(execution, state)
            except StateError as error:
                found = (i for i, each in enumerate(retriers) if names(each, error.error))
                i = next(found, None)
                if i is None or retries[i] >= retriers[i].get("MaxAttempts", 3):
                    raise
                jitter = self._chance.draw("jitter")
                self._kernel.sleep(retry_delay(retriers[i], retries[i], jitter=jitter))
                retries[i] += 1

    def _attempt(self, execution: Execution, state: State) -> Any:
        service = state["Resource"].split(":")[-2]
        name = {"dynamodb": "DynamoDB", "lambda": "Lambda", "sqs": "Sqs"}[service]
        where = f"{self.short} {execution.state}"
        arguments = self._evaluate(state["Arguments"], execution, {})
        fault = self._chance.fault(where, TASK_FAULTS, rate=2)
        self._kernel.sleep(self._chance.between(where, 0, 0.05))
        if fault == kinds.THROTTLE:
            throttle = "TooManyRequestsException" if service == "lambda" else "ThrottlingException"
            raise StateError(f"{name}.{throttle}")
        if fault == kinds.BEFORE:
            raise StateError(f"{name}.SdkClientException")
        signal = Signal()
        timeout = state.get("TimeoutSeconds", 60)
        if fault == kinds.STOP and execution.process:
            # The machine's host dies, or an operator stops the execution.
            moment = self._chance.between(where + " stop", 0, 0.3)
            self._kernel.after(moment, execution.process.kill)
        late = fault == kinds.LATE
        reply = (lambda _: None) if fault == kinds.LOST else signal.fire
        self._kernel.after(
            timeout + self._chance.between(where, 0, 20) if late else 0,
            self._tasks[state["Resource"]], arguments, reply,
        )  # fmt: skip
        given_up = self._kernel.after(timeout, signal.fire, Outcome(error="States.Timeout"))
        outcome: Outcome = signal.wait()
        given_up.cancel()
        if fault == kinds.SERVER_ERROR:
            unknown = "Unknown" if service == "lambda" else "InternalServerErrorException"
            raise StateError(f"{name}.{unknown}")
        if outcome.error:
            raise StateError(outcome.error, outcome.message)
        return outcome.payload

    def _assign(self, execution: Execution, state: State, states: Mapping[str, Any]) -> None:
        values = self._evaluate(state.get("Assign", {}), execution, states)
        execution.variables |= values

    def _evaluate(self, value: Any, execution: Execution, states: Mapping[str, Any]) -> Any:
        """Return a value in which all JSONata expressions are evaluated."""
        context = {"Execution": {"Id": execution.id, "Input": execution.input}}
        known = {"input": execution.input, "context": context, **states}
        return evaluate(
            value,
            execution.variables | {"states": known},
            now=self._kernel.moment,
            random=lambda: self._chance.draw("$random"),
        )
