"""Deliveries of EventBridge Scheduler when a schedule is due.

AWS: the payload is delivered with the schedule's role, which has to trust the schedule's group, and
retried within the retry policy. What cannot be delivered goes to the dead-letter queue with the
same role; its attributes have the target service's error.
https://docs.aws.amazon.com/scheduler/latest/UserGuide/setting-up.html#setting-up-execution-role
https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html
MiniStack 1.5.33: treats a schedule as a rule, without a role and without a dead-letter queue. It
looks for due schedules every ten seconds: as precise as AWS's minute, but long for a person who
waits.
Can go: when a payload that a target refused is found in the schedule's dead-letter queue.

AWS documents the dead letter of universal targets only: it is the request. For other targets it is
here the payload that the target should have received.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from ministack.services import eventbridge, scheduler

from emulator.delivery_rules import payloads, retry_policies
from emulator.delivery_rules.retry_policies import GiveUp
from emulator.patches._delivery import Delivery
from emulator.patches._seams import seam
from emulator.patches.event_targets import attempt, limits, payload
from emulator.patches.permissions import Role
from emulator.patches.sending import DeliveryError, send

_LOOK_SECONDS = 1


def install() -> None:
    """Check every second for due schedules, and deliver their payloads as Scheduler does."""
    seam(scheduler, "_ticker_loop")
    scheduler._SCHEDULE_TICK_INTERVAL = _LOOK_SECONDS
    invoke_target = seam(eventbridge, "_invoke_target", "target", "event", "rule", "view")

    def invoke(
        target: Mapping[str, Any], event: Any, rule: Mapping[str, Any], view: Any = None
    ) -> None:
        if rule["Arn"].split(":")[2] != "scheduler":
            invoke_target(target, event, rule, view)
            return
        view = eventbridge._pattern_event_view(event)
        group = rule["Arn"].replace(":schedule/", ":schedule-group/").rpartition("/")[0]
        role = Role(arn=target["RoleArn"], service="scheduler.amazonaws.com", source_arn=group)
        body = payload(target, rule, view)
        dead_letter = partial(_dead_letter, target, rule["Arn"], event, body, role)
        Delivery(
            what=f"{body} from {rule['Arn']} to {target['Arn']}",
            to=target["Arn"],
            attempt=partial(attempt, target, event, rule, view, role),
            rule=partial(retry_policies.decide_target_retry, limits(target)),
            dead_letter=dead_letter if "DeadLetterConfig" in target else None,
        ).start()

    eventbridge._invoke_target = invoke


def _dead_letter(
    target: Mapping[str, Any],
    schedule: str,
    event: Mapping[str, Any],
    body: str,
    role: Role,
    error: DeliveryError,
    verdict: GiveUp,
    retries: int,
) -> None:
    attributes = payloads.schedule_attributes(
        schedule=schedule,
        target=target["Arn"],
        code=error.code,
        message=str(error),
        condition=verdict.condition,
        retries=retries,
        execution=event["EventId"],
        at=datetime.fromtimestamp(event["Time"], UTC),
    )
    send(target["DeadLetterConfig"]["Arn"], body, by=role, attributes=attributes)
