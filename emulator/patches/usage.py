"""Counts of what AWS bills, where the use of a permission does not have the number.

AWS: bills the time of invocations by memory, each state that a Standard workflow enters and each
retry, each entry of PutEvents, and each item of a DynamoDB transaction twice.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html
https://aws.amazon.com/step-functions/pricing/
MiniStack 1.5.33: counts only invocations, and of these not all.
Can go: when MiniStack publishes the metrics of each service.
"""

import json
from collections.abc import Mapping
from typing import Any

from ministack.core import iam_actions
from ministack.services import lambda_svc, stepfunctions

from emulator.patches._seams import seam
from emulator.usage import count


def install() -> None:
    """Count invocations, transitions, and the parts of requests that are billed one by one.

    Install first: other patches wrap the same functions.
    """
    _wrap_invocations()
    _wrap_transitions()
    _wrap_requests()


def _wrap_invocations() -> None:
    # Each invocation has a report in its log.
    emit = seam(
        lambda_svc, "_emit_lambda_logs",
        "func", "request_id", "log_text", "error", "duration_ms", "log_source",
    )  # fmt: skip

    def emitted(func: Mapping[str, Any], request_id: str, log_text: str, error: bool,
                duration_ms: int, **named: Any) -> None:  # fmt: skip
        config = func.get("config") or func
        function, gigabytes = config["FunctionName"], config.get("MemorySize", 128) / 1024
        count("lambda:invocations", on=function)
        count("lambda:gb_seconds", on=function, number=gigabytes * duration_ms / 1000)
        emit(func, request_id, log_text, error, duration_ms, **named)

    lambda_svc._emit_lambda_logs = emitted


def _wrap_transitions() -> None:
    add = seam(stepfunctions, "_add_event", "execution", "event_type", "details")

    def added(execution: Mapping[str, Any], event_type: str, details: Any = None) -> Any:
        # A task is scheduled once more for each retry.
        is_other = event_type.endswith("StateEntered") and event_type != "TaskStateEntered"
        if event_type == "TaskScheduled" or is_other:
            machine = stepfunctions._state_machines.get(execution["stateMachineArn"]) or {}
            if machine.get("type") != "EXPRESS":
                count("states:transitions")
        return add(execution, event_type, details)

    stepfunctions._add_event = added


def _wrap_requests() -> None:
    context = seam(iam_actions, "request_tag_context", "service", "iam_action", "body", "params")

    def counted(service: str, iam_action: str, body: bytes, params: Any) -> Any:
        # The items' own permissions count once; a transaction reads or writes each twice.
        for action, parts in (
            ("events:PutEvents", "Entries"),
            ("dynamodb:TransactWriteItems", "TransactItems"),
        ):
            if iam_action == action:
                count(f"{action}:{parts}", number=len(json.loads(body).get(parts, ())))
        return context(service, iam_action, body, params)

    iam_actions.request_tag_context = counted
