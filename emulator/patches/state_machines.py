"""Time-outs, retry delays, rights and error names in Step Functions, and the output of Succeed.

AWS: an execution that takes longer than the machine's `TimeoutSeconds`, or than an Express
workflow's five minutes, ends TIMED_OUT with `States.Timeout`; its running calls go on, but nothing
is retried.
A task with a token that sends no heartbeat for its `HeartbeatSeconds` fails with
`States.HeartbeatTimeout`. `MaxDelaySeconds` caps the delay before a retry, and nothing else does;
`JitterStrategy: FULL` draws it at random from zero up.
https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
https://docs.aws.amazon.com/step-functions/latest/dg/sfn-stuck-execution.html
A task is done with the machine's role. No API models the error of a denied permission, so its name
is the SDK's general one for the service: in optimized integrations that of the SDK for Java 1.x,
such as `Lambda.AWSLambdaException` (a throttle is `Lambda.TooManyRequestsException`); in SDK
integrations that of the SDK for Java 2.x, such as `Sqs.SqsException`.
https://docs.aws.amazon.com/step-functions/latest/dg/procedure-create-iam-role.html
https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html
With JSONata a Succeed state has an `Output`.
https://docs.aws.amazon.com/step-functions/latest/dg/state-succeed.html
MiniStack 1.5.33: ignores all of these, goes on with tasks and their retries in an execution that
has ended, waits 60 seconds at most before a retry, and calls a throttle `Lambda.Unknown`.
Can go: when its `services/stepfunctions.py` has all of these.

Heartbeats of activities are not implemented.
"""

import contextvars
import functools
import json
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from ministack.core import iam_actions
from ministack.core.responses import get_account_id, get_region, now_iso
from ministack.services import stepfunctions

from emulator.delivery_rules.step_functions_timing import (
    execution_timeout,
    heartbeat_remaining,
    retry_delay,
)
from emulator.faults.chance import Kind
from emulator.faults.deliveries import InjectedError, attempt
from emulator.patches.permissions import AccessDenied, Role, check

# The names of a denied permission in optimized integrations.
_DENIALS = {
    "lambda": "Lambda.AWSLambdaException",
    "dynamodb": "DynamoDB.AmazonDynamoDBException",
    "sqs": "SQS.AmazonSQSException",
}

# The names of injected faults.
_INJECTED = {
    "lambda": {
        Kind.THROTTLE: "Lambda.TooManyRequestsException",
        Kind.SERVER_ERROR: "Lambda.ServiceException",
        Kind.SERVER_ERROR_AFTER: "Lambda.ServiceException",
    },
    "dynamodb": {
        Kind.THROTTLE: "DynamoDB.ProvisionedThroughputExceededException",
        Kind.SERVER_ERROR: "DynamoDB.InternalServerErrorException",
        Kind.SERVER_ERROR_AFTER: "DynamoDB.InternalServerErrorException",
    },
}

_running: contextvars.ContextVar[Mapping[str, Any]] = contextvars.ContextVar(
    "execution", default=MappingProxyType({})
)
"""The execution that this thread works for."""


def install() -> None:
    """Replace the interpreter's functions for time-outs, delays, permissions and errors."""
    _wrap_execution()
    _wrap_retriers()
    _wrap_tasks()
    _wrap_succeed()
    _wrap_throttle()


def _wrap_execution() -> None:
    run, fail = stepfunctions._run_execution, stepfunctions._fail_execution

    def ran(arn: str) -> None:
        execution = stepfunctions._executions[arn]
        machine = stepfunctions._state_machines.get(execution["stateMachineArn"])
        seconds = _longest_run(machine["definition"], machine["type"]) if machine else None
        before = _running.set(execution)
        try:
            if seconds is None:
                run(arn)
                return
            work = contextvars.copy_context().run
            clock = threading.Timer(seconds, work, [_time_out, execution, seconds])
            clock.daemon = True
            clock.start()
            run(arn)
            clock.cancel()
        finally:
            _running.reset(before)

    def failed(execution: dict[str, Any], error: str, cause: str) -> None:
        if execution["status"] == "RUNNING":
            fail(execution, error, cause)

    stepfunctions._run_execution = ran
    stepfunctions._fail_execution = failed


@functools.lru_cache
def _longest_run(definition: str, kind: str) -> float | None:
    return execution_timeout(json.loads(definition), express=kind == "EXPRESS")


def _time_out(execution: dict[str, Any], seconds: float) -> None:
    if execution["status"] != "RUNNING":
        return
    cause = f"The execution ran for more than {seconds} seconds"
    details = {"error": "States.Timeout", "cause": cause}
    execution.update(details, status="TIMED_OUT", stopDate=now_iso())
    stepfunctions._add_event(
        execution, "ExecutionTimedOut", {"executionTimedOutEventDetails": details}
    )
    stepfunctions._emit_execution_status_event(execution)


def _wrap_retriers() -> None:
    find = stepfunctions._find_matching_retrier

    def found(retriers: Any, error: str, counts: Mapping[Any, int]) -> tuple[Any, Any]:
        retrier, index = find(retriers, error, counts)
        execution = _running.get()
        if retrier is None or not execution:
            return retrier, index
        # For jitter, not for a secret.
        delay = retry_delay(retrier, counts.get(index, 0), jitter=random.random())  # noqa: S311
        # The delay passes here, because MiniStack's own wait ends after 60 seconds.
        stepfunctions._scaled_sleep(delay)
        if execution["status"] != "RUNNING":
            return None, -1
        return {**retrier, "IntervalSeconds": 0}, index

    stepfunctions._find_matching_retrier = found


def _wrap_tasks() -> None:
    invoke, call_back = stepfunctions._invoke_resource, stepfunctions._invoke_with_callback

    def invoked(resource: str, arguments: Any) -> Any:
        _authorize(resource, arguments)
        return _attempt(resource, arguments, functools.partial(invoke, resource, arguments))

    def called_back(resource: str, arguments: Any, token: str, state: Mapping[str, Any]) -> Any:
        _authorize(resource, arguments)
        if heartbeat := state.get("HeartbeatSeconds"):
            threading.Thread(target=_listen, args=[token, heartbeat], daemon=True).start()
        return call_back(resource, arguments, token, state)

    stepfunctions._invoke_resource = invoked
    stepfunctions._invoke_with_callback = called_back


def _attempt(resource: str, arguments: Any, work: Callable[[], Any]) -> Any:
    """Do a task that is a request to Lambda or DynamoDB; it may throttle or fail by chance."""
    _, service, _ = _integration(resource)
    names = _INJECTED.get(service)
    if names is None:
        return work()
    label = f"task {arguments.get('FunctionName', resource)}"
    try:
        return attempt(label, work, kinds=tuple(names))
    except InjectedError as error:
        raise stepfunctions._ExecutionError(names[error.kind], str(error)) from error


def _authorize(resource: str, arguments: Any) -> None:
    """Check that the machine's role has the permissions that the task needs."""
    machine = stepfunctions._state_machines.get(_running.get().get("stateMachineArn"))
    if machine is None or ":activity:" in resource:
        return
    role = Role(
        arn=machine["roleArn"],
        service="states.amazonaws.com",
        source_arn=machine["stateMachineArn"],
    )
    sdk, service, action = _integration(resource)
    try:
        for needed, on in _needs(service, action, resource, arguments):
            check(role, needed, on)
    except AccessDenied as denial:
        prefix = stepfunctions._AWS_SDK_ERROR_PREFIX.get(service, service.capitalize())
        name = f"{prefix}.{prefix}Exception" if sdk else _DENIALS.get(service, "States.TaskFailed")
        raise stepfunctions._ExecutionError(name, str(denial)) from denial


def _integration(resource: str) -> tuple[bool, str, str]:
    """Return whether the resource is an SDK integration, and its service and action."""
    if not resource.startswith("arn:aws:states:::"):
        return False, resource.split(":")[2], "invoke"
    *sdk, service, action = resource.removeprefix("arn:aws:states:::").split(":")[:3]
    return bool(sdk), service.lower(), action.partition(".")[0]


def _needs(service: str, action: str, resource: str, arguments: Any) -> Iterator[tuple[str, str]]:
    """Yield the actions that a task needs, each with its resource, as for the same API request."""
    if (service, action) == ("lambda", "invoke"):
        action = "invokeFunction"
    known = stepfunctions._AWS_SDK_SERVICE_MAP.get(service, {})
    service = known.get("service_key", service)
    namespace = iam_actions.SERVICE_TO_IAM_NAMESPACE.get(service, service)
    right = f"{namespace}:{action[0].upper()}{action[1:]}"
    body, place = json.dumps(arguments).encode(), (get_region(), get_account_id())
    transaction = iam_actions.dynamodb_transaction_checks(right, body, *place)
    if transaction:
        yield from transaction
        return
    name = arguments.get("FunctionName", "") if ":::" in resource else resource
    yield (
        right,
        iam_actions.extract_resource_arn(
            service, "POST", f"/functions/{name}", {}, body, arguments, *place
        ),
    )


def _listen(token: str, heartbeat: float) -> None:
    """Fail the task with this token when its heartbeat is overdue."""
    last = time.time()
    while left := heartbeat_remaining(heartbeat, last=last, now=time.time()):
        time.sleep(left)
        task = stepfunctions._task_tokens.get(token)
        if task is None or task["event"].is_set():
            return
        if task["heartbeat"]:
            last = max(last, datetime.fromisoformat(task["heartbeat"]).timestamp())
    task["error"] = {
        "Error": "States.HeartbeatTimeout",
        "Cause": f"The task sent no heartbeat for {heartbeat} seconds",
    }
    task["event"].set()


def _wrap_succeed() -> None:
    apply_output_path = stepfunctions._apply_output_path

    def applied(state: Mapping[str, Any], data: Any, context: Any = None) -> Any:
        if state.get("Type") == "Succeed" and "Output" in state:
            return stepfunctions._apply_jsonata_output(state, data, context)
        return apply_output_path(state, data, context)

    stepfunctions._apply_output_path = applied


def _wrap_throttle() -> None:
    call_lambda = stepfunctions._call_lambda

    def called(reference: Any, event: Any) -> Any:
        try:
            return call_lambda(reference, event)
        except stepfunctions._ExecutionError as error:
            if error.error == "Lambda.Unknown" and "TooManyRequestsException" in error.cause:
                message = json.loads(error.cause)["message"]
                raise stepfunctions._ExecutionError(
                    "Lambda.TooManyRequestsException", message
                ) from error
            raise

    stepfunctions._call_lambda = called
