"""What each check of ``checks.alarms`` must report."""

from typing import Any

from tests.templates import kinds
from tests.templates.breakages.common import Breakage, Case, change, take_from_policy
from tests.templates.checks import alarms
from tests.templates.synthesis import Platform, Resource


def silence(**changed: Any) -> Breakage:
    """Change the alarm of the repair queue."""

    def break_it(broken: Platform) -> Resource:
        broken.one(kinds.ALARM, "Repair").properties.update(changed)
        return broken.one(kinds.QUEUE, "Repair")

    return break_it


def repeat_alarm_description(broken: Platform) -> Resource:
    """Let an alarm read like the one before it in its stack."""
    stack = broken.environment.stack_name("Orders")
    first, second, *_ = (a for a in broken.all(kinds.ALARM) if a.stack == stack)
    second.properties["AlarmDescription"] = first.properties["AlarmDescription"]
    return second


def break_saga_alarm(**changed: Any) -> Breakage:
    """Change an alarm of the fulfilment saga."""

    def break_it(broken: Platform) -> Resource:
        broken.one(kinds.ALARM, "FulfilmentAborted").properties.update(changed)
        return broken.one(kinds.MACHINE, "Fulfilment")

    return break_it


def raise_age_threshold(broken: Platform) -> Resource:
    broken.one(kinds.ALARM, "AvailabilitySubscriberBehind").properties["Threshold"] = 86_400
    return broken.one(kinds.QUEUE, "AvailabilitySubscriberQueue")


def silence_watch(broken: Platform) -> Resource:
    broken.one(kinds.ALARM, "DeadLetterWatchSilent").properties["AlarmActions"] = []
    return broken.one(kinds.FUNCTION, "WatchDeadLetters")


BREAKAGES: list[Case] = [
    (
        alarms.alarm_description_is_unique,
        change(
            kinds.ALARM,
            "AvailabilitySubscriberBehind",
            AlarmDescription="Queue is not empty",
        ),
    ),
    (
        alarms.alarm_description_is_unique,
        change(
            kinds.ALARM,
            "AvailabilitySubscriberBehind",
            AlarmDescription="orders/Sagas: dead letters waiting",
        ),
    ),
    (alarms.alarm_description_is_unique, repeat_alarm_description),
    (alarms.queue_has_alarm, silence(AlarmActions=[])),
    (alarms.queue_has_alarm, silence(ActionsEnabled=False)),
    (alarms.queue_has_alarm, silence(Threshold=100)),
    (alarms.queue_has_alarm, silence(Dimensions=[])),
    (alarms.queue_has_alarm, silence(TreatMissingData="notBreaching")),
    (alarms.queue_has_alarm, silence(MetricName="ApproximateAgeOfOldestMessage")),
    (alarms.queue_has_alarm, raise_age_threshold),
    (alarms.watch_of_dead_letters_has_alarms, silence_watch),
    (alarms.state_machine_has_failure_alarms, break_saga_alarm(AlarmActions=[])),
    (alarms.state_machine_has_failure_alarms, break_saga_alarm(Threshold=5)),
    (alarms.state_machine_has_failure_alarms, break_saga_alarm(Dimensions=[])),
    (alarms.state_machine_has_failure_alarms, break_saga_alarm(MetricName="X")),
    (
        alarms.topic_lets_alarms_publish,
        take_from_policy(kinds.TOPIC_POLICY, "TopicPolicy", "Allow", kinds.TOPIC),
    ),
]
