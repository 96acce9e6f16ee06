"""Alarms, and the topic that they notify."""

import re
from collections.abc import Iterator

from stacks.names import service_of
from tests.templates.checks.common import check, statements
from tests.templates.kinds import ALARM, FUNCTION, MACHINE, QUEUE, TOPIC, TOPIC_POLICY
from tests.templates.synthesis import Platform, Resource


@check
def queue_has_alarm(platform: Platform) -> Iterator[str]:
    for queue in platform.all(QUEUE):
        found = platform.environment.dead_letters_watched and _is_found(queue)
        if not found and not any(_watches(platform, each, queue) for each in platform.all(ALARM)):
            yield f"{queue}: no alarm reports that it is not empty"


def _is_found(queue: Resource) -> bool:
    """Whether the job finds it: CloudFormation names it, and it is no work queue."""
    return not {"RedrivePolicy", "QueueName"} & queue.properties.keys()


@check
def watch_of_dead_letters_has_alarms(platform: Platform) -> Iterator[str]:
    """On what it finds, and on its own silence."""
    if platform.environment.dead_letters_watched:
        found = {
            alarm.properties["TreatMissingData"]
            for alarm in platform.all(ALARM)
            if alarm.properties.get("MetricName") == "DeadLetterQueues"
            and alarm.properties.get("AlarmActions")
        }
        if found != {"ignore", "breaching"}:
            watch = platform.one(FUNCTION, "WatchDeadLetters")
            yield f"{watch}: its silence, or what it finds, raises no alarm"


@check
def alarm_description_is_unique(platform: Platform) -> Iterator[str]:
    """Operators identify an alarm by its description, which begins with the service."""
    seen: dict[str, Resource] = {}
    for alarm in platform.all(ALARM):
        description = str(alarm.properties.get("AlarmDescription"))
        service = service_of(alarm.stack)
        if not re.fullmatch(rf"{service}/\w+: .+\. python -m ops .+ --env \w+", description):
            yield f"{alarm}: it does not name service, consumer and command: {description}"
        other = seen.setdefault(description, alarm)
        if other is not alarm:
            yield f"{alarm}: it reads the same as {other}"


@check
def state_machine_has_failure_alarms(platform: Platform) -> Iterator[str]:
    for machine in platform.all(MACHINE):
        dimension = {"Name": "StateMachineArn", "Value": {"Ref": machine.id}}
        watched_metrics = {
            alarm.properties["MetricName"]
            for alarm in platform.all(ALARM)
            if alarm.stack == machine.stack
            and alarm.properties.get("Dimensions") == [dimension]
            and alarm.properties["Threshold"] == 0
            and alarm.properties.get("AlarmActions")
        }
        for end in ("TimedOut", "Aborted", "Failed"):
            if f"Executions{end}" not in watched_metrics:
                yield f"{machine}: no alarm reports an execution that has {end}"


def _watches(platform: Platform, alarm: Resource, queue: Resource) -> bool:
    action_topics = [
        platform.referred(alarm.stack, action)
        for action in alarm.properties.get("AlarmActions", [])
    ]
    dimension = {"Name": "QueueName", "Value": {"Fn::GetAtt": [queue.id, "QueueName"]}}
    # A queue with a consumer may hold messages; their age shows that it does not keep up.
    watched = {
        "ApproximateNumberOfMessagesVisible": 0,
        **({"ApproximateAgeOfOldestMessage": 900} if "RedrivePolicy" in queue.properties else {}),
    }
    # SQS reports no metrics of an unused queue, even if it still holds dead letters.
    unknown = "notBreaching" if "RedrivePolicy" in queue.properties else "ignore"
    return (
        alarm.stack == queue.stack
        and any(topic is not None and topic.kind == TOPIC for topic in action_topics)
        and alarm.properties.get("Dimensions") == [dimension]
        and alarm.properties["ComparisonOperator"] == "GreaterThanThreshold"
        and alarm.properties["Threshold"] == watched.get(alarm.properties.get("MetricName"))
        and alarm.properties["TreatMissingData"] == unknown
        and alarm.properties.get("ActionsEnabled", True)
    )


@check
def topic_lets_alarms_publish(platform: Platform) -> Iterator[str]:
    notified = [
        platform.referred(alarm.stack, action)
        for alarm in platform.all(ALARM)
        for action in alarm.properties.get("AlarmActions", [])
    ]
    for topic in platform.all(TOPIC):
        if topic in notified and not any(
            statement["Effect"] == "Allow"
            and statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
            and statement["Action"] == "sns:Publish"
            for policy in platform.all(TOPIC_POLICY)
            if policy.stack == topic.stack and {"Ref": topic.id} in policy.properties["Topics"]
            for statement in statements(policy)
        ):
            yield f"{topic}: alarms may not publish to it"
