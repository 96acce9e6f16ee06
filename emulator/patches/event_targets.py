"""Deliveries from EventBridge's rules to their targets.

AWS: an event is delivered with the target's role. A target without a role gets it from
`events.amazonaws.com`, which its resource policy has to allow for the rule. A failed delivery is
retried within the target's retry policy, unless a retry cannot succeed; then the event goes to the
target's dead-letter queue.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-identity-based.html
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
MiniStack 1.5.33: delivers to no log group and no stream, checks no permission, and tries once.
Can go: when an event that a target refused is found in its dead-letter queue.

Input transformers and API destinations are left to MiniStack.
"""

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from ministack.core.arn import parse_arn
from ministack.services import eventbridge

from emulator.delivery_rules import payloads, retry_policies
from emulator.delivery_rules.retry_policies import GiveUp, Limits
from emulator.patches._delivery import Delivery
from emulator.patches._seams import seam
from emulator.patches.permissions import Principal, Role, Service
from emulator.patches.sending import DeliveryError, authorize, send

_EVENTBRIDGE = "events.amazonaws.com"
_SERVICES = {"events", "kinesis", "lambda", "logs", "sns", "sqs", "states"}

Target = Mapping[str, Any]


def install() -> None:
    """Replace MiniStack's delivery to the targets of rules."""
    invoke_target = seam(eventbridge, "_invoke_target", "target", "event", "rule", "view")
    seam(eventbridge, "_apply_input_transformer", "transformer", "rule", "view")
    seam(eventbridge, "_dispatch_to_event_bus", "spec", "event", "rule", "event_path",
         "target_input_payload")  # fmt: skip

    def invoke(target: Target, event: Any, rule: Mapping[str, Any], view: Any = None) -> None:
        arn = target["Arn"]
        if arn.split(":")[2] not in _SERVICES or ":api-destination/" in arn:
            invoke_target(target, event, rule, view)
            return
        view = view or eventbridge._pattern_event_view(event)
        whole = json.dumps(view.event_with_detail())
        dead_letter = partial(_dead_letter, target, rule["Arn"], whole)
        Delivery(
            what=f"{whole} from {rule['Arn']} to {arn}",
            to=arn,
            attempt=partial(attempt, target, event, rule, view, _principal(target, rule["Arn"])),
            rule=partial(retry_policies.decide_target_retry, limits(target)),
            dead_letter=dead_letter if "DeadLetterConfig" in target else None,
        ).start()

    eventbridge._invoke_target = invoke


def limits(target: Target) -> Limits:
    """Return the limits in a target's retry policy, or EventBridge's defaults."""
    policy = target.get("RetryPolicy", {})
    default = retry_policies.TARGET_LIMITS
    return Limits(
        retries=int(policy.get("MaximumRetryAttempts", default.retries)),
        age=float(policy.get("MaximumEventAgeInSeconds", default.age)),
    )


def attempt(target: Target, event: Any, rule: Mapping[str, Any], view: Any, by: Principal) -> None:
    """Deliver the event to the target, in one attempt.

    Raises:
        DeliveryError: the target did not accept the event.
    """
    arn = target["Arn"]
    if ":event-bus/" in arn:
        _forward(target, event, rule, view, by)
    else:
        group = _group(target, view.event_with_detail())
        send(arn, payload(target, rule, view), by=by, group=group)


def payload(target: Target, rule: Mapping[str, Any], view: Any) -> str:
    """Return the text that the target receives: the event, a part of it, or a fixed text."""
    if "InputTransformer" in target:
        return str(eventbridge._apply_input_transformer(target["InputTransformer"], rule, view))
    if "Input" in target:
        return str(target["Input"])
    event = view.event_with_detail()
    part = _at(event, target.get("InputPath", "$"))
    return json.dumps(event if part is None else part)


def _forward(target: Target, event: Any, rule: Mapping[str, Any], view: Any, by: Principal) -> None:
    arn = target["Arn"]
    authorize(arn, by, events_source=view.envelope()["source"])
    changed = {"Input", "InputPath", "InputTransformer"} & target.keys()
    path = set(event.get("_DispatchPath") or [])
    detail = payload(target, rule, view) if changed else None
    eventbridge._dispatch_to_event_bus(parse_arn(arn), event, rule, path, detail)


def _principal(target: Target, rule_arn: str) -> Principal:
    if "RoleArn" in target:
        return Role(arn=target["RoleArn"], service=_EVENTBRIDGE, source_arn=rule_arn)
    return Service(name=_EVENTBRIDGE, source_arn=rule_arn)


def _group(target: Target, event: Mapping[str, Any]) -> str:
    """Return the message group for a FIFO queue, or the partition key for a stream.

    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_KinesisParameters.html
    """
    if "SqsParameters" in target:
        return str(target["SqsParameters"]["MessageGroupId"])
    if ":kinesis:" not in target["Arn"]:
        return ""
    path = target.get("KinesisParameters", {}).get("PartitionKeyPath", "$.id")
    key = _at(event, path)
    if key is None:
        raise DeliveryError("ValidationException", f"the event has no {path}", permanent=True)
    return str(key)


def _at(event: Any, path: str) -> Any:
    """Return the event's value at a JSON path that has only names; None if there is none."""
    value = event
    for name in filter(None, path.removeprefix("$").split(".")):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _dead_letter(
    target: Target, rule_arn: str, event: str, error: DeliveryError, verdict: GiveUp, retries: int
) -> None:
    attributes = payloads.rule_attributes(
        rule=rule_arn,
        target=target["Arn"],
        code=error.code,
        message=str(error),
        condition=verdict.condition,
        retries=retries,
    )
    service = Service(name=_EVENTBRIDGE, source_arn=rule_arn)
    send(target["DeadLetterConfig"]["Arn"], event, by=service, attributes=attributes)
