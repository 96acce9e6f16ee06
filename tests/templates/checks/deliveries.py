"""How often and how long a delivery is tried, and which changes of a table are delivered."""

import json
import re
from collections.abc import Iterator
from typing import Any

from tests.templates.checks.common import DAY, as_list, check, policies_of, statements
from tests.templates.kinds import (
    FUNCTION,
    INVOKE_CONFIG,
    MACHINE,
    MAPPING,
    RULE,
    SCHEDULE,
    STREAM,
    TABLE,
    TOPIC,
)
from tests.templates.synthesis import Platform, Resource

HOUR = 60 * 60
BY_A_ROLE = {
    TOPIC: "sns:Publish",
    STREAM: "kinesis:PutRecord",
    MACHINE: "states:StartExecution",
}
"""What EventBridge does with a role, by the kind of its target."""
SECONDS = {"minute": 60, "hour": HOUR, "day": DAY}


@check
def relay_gets_every_change_with_both_images(platform: Platform) -> Iterator[str]:
    """An event says how a row has changed. A row that is written again has no INSERT."""
    for mapping in platform.all(MAPPING):
        table = platform.referred(mapping.stack, mapping.properties["EventSourceArn"])
        function = platform.referred(mapping.stack, mapping.properties["FunctionName"])
        if table is None or table.kind != TABLE or function is None:
            continue
        images = table.properties.get("StreamSpecification", {}).get("StreamViewType")
        is_relay = ".relay_outbox." in function.properties["Handler"]
        if images not in (
            {"NEW_AND_OLD_IMAGES"} if is_relay else {"NEW_AND_OLD_IMAGES", "NEW_IMAGE"}
        ):
            yield f"{mapping}: its records have no images that {function.id} needs"
        filters = mapping.properties.get("FilterCriteria", {}).get("Filters", [])
        patterns = [json.loads(each["Pattern"]) for each in filters]
        if [set(each.get("eventName", ())) for each in patterns] != [{"INSERT", "MODIFY"}]:
            yield f"{mapping}: it gets neither all new rows nor all changed ones"
        if is_relay and patterns != [{"eventName": ["INSERT", "MODIFY"]}]:
            yield f"{mapping}: it does not get every change"


@check
def stream_mapping_outlasts_an_outage_of_hours(platform: Platform) -> Iterator[str]:
    for mapping in platform.all(MAPPING):
        given = mapping.properties
        if "StartingPosition" not in given:
            continue
        if given.get("MaximumRetryAttempts", 0) < 10:
            yield f"{mapping}: a batch is dead-lettered after a few failures"
        if given.get("MaximumRecordAgeInSeconds", 0) < 6 * HOUR:
            yield f"{mapping}: records are dead-lettered in an outage of a few hours"


@check
def rule_delivers_for_a_day(platform: Platform) -> Iterator[str]:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html"""
    for rule in platform.all(RULE):
        for target in rule.properties["Targets"]:
            wanted = {"MaximumEventAgeInSeconds": DAY, "MaximumRetryAttempts": 185}
            if target.get("RetryPolicy") != wanted:
                yield f"{rule}: it does not deliver for a day"


@check
def asynchronous_event_is_retried_for_six_hours(platform: Platform) -> Iterator[str]:
    """As Lambda does by itself. A scheduled function is not: its next run does the work."""
    scheduled = {
        str(platform.referred(each.stack, each.properties["Target"]["Arn"])): period(each)
        for each in platform.all(SCHEDULE)
    }
    for config in platform.all(INVOKE_CONFIG):
        function = platform.referred(config.stack, config.properties["FunctionName"])
        if function is None or function.kind != FUNCTION:
            yield f"{config}: it configures no function of its stack"
            continue
        given = {
            n: config.properties.get(n)
            for n in ("MaximumRetryAttempts", "MaximumEventAgeInSeconds")
        }
        if str(function) in scheduled:
            if list(given.values()) != [0, scheduled[str(function)]]:
                yield f"{config}: a run is repeated, or begun, next to the following one"
        elif list(given.values()) != [2, 6 * HOUR]:
            yield f"{config}: an event is not tried three times, or not for six hours"


@check
def scheduled_run_is_tried_until_the_next(platform: Platform) -> Iterator[str]:
    for schedule in platform.all(SCHEDULE):
        seconds = period(schedule)
        retry = schedule.properties["Target"].get("RetryPolicy", {})
        if retry != {"MaximumEventAgeInSeconds": seconds, "MaximumRetryAttempts": 3}:
            yield f"{schedule}: Scheduler does not try three times more until the next run"
        if schedule.properties.get("State", "ENABLED") != "ENABLED" or seconds > HOUR:
            yield f"{schedule}: it does not run, or not every hour"


@check
def scheduler_may_invoke_and_dead_letter(platform: Platform) -> Iterator[str]:
    for schedule in platform.all(SCHEDULE):
        target = schedule.properties["Target"]
        may = _granted(platform, schedule, target)
        for action, place in (
            ("lambda:InvokeFunction", target["Arn"]),
            ("sqs:SendMessage", target.get("DeadLetterConfig", {}).get("Arn")),
        ):
            if (action, str(platform.referred(schedule.stack, place))) not in may:
                yield f"{schedule}: Scheduler may not {action}"


@check
def rule_may_deliver_to_its_target(platform: Platform) -> Iterator[str]:
    for rule in platform.all(RULE):
        for target in rule.properties["Targets"]:
            if "RoleArn" not in target:
                continue
            place = platform.referred(rule.stack, target["Arn"])
            if place is None:
                yield f"{rule}: its target is not ours"
            elif (BY_A_ROLE[place.kind], str(place)) not in _granted(platform, rule, target):
                yield f"{rule}: EventBridge may not {BY_A_ROLE[place.kind]}"


def _granted(platform: Platform, owner: Resource, target: Any) -> set[tuple[str, str]]:
    """Return what a target's role may do: the actions, each with its resource."""
    role = platform.referred(owner.stack, target["RoleArn"])
    return {
        (action, str(platform.referred(policy.stack, resource)))
        for policy in (policies_of(platform, role) if role else ())
        for statement in statements(policy)
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    }


def period(schedule: Resource) -> int:
    """Return how many seconds are between the runs of a schedule."""
    expression = schedule.properties["ScheduleExpression"]
    number, unit = re.findall(r"rate\((\d+) (\w+?)s?\)", expression)[0]
    return int(number) * SECONDS[unit]
