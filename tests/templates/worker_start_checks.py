"""What must hold for workers that start from none; registered with the other checks of workers."""

from collections.abc import Iterator

from tests.templates.kinds import ALARM
from tests.templates.synthesis import Platform, Resource
from tests.templates.worker_checks import GROUP, check, queues_read_by


@check
def group_without_instances_starts_one(platform: Platform) -> Iterator[str]:
    """When a message waits in any queue; and it stops it when none waits and none comes."""
    waits, comes = "ApproximateNumberOfMessagesVisible", "NumberOfMessagesSent"
    for group in platform.all(GROUP):
        if int(group.properties["MinSize"]):
            continue
        if group.properties["MaxSize"] != "1":
            yield f"{group}: only the first instance is started by what waits"
        queues = {queue.id for queue in queues_read_by(platform, group)}
        for instances, metrics, without_data in (
            (1, {waits}, "notBreaching"),
            (0, {waits, comes}, "breaching"),
        ):
            wanted = {(name, queue) for name in metrics for queue in queues}
            if not any(
                _watched(alarm) == wanted
                and alarm.properties["TreatMissingData"] == without_data
                and alarm.properties["Threshold"] == 0
                and _sets(platform, alarm, instances)
                for alarm in platform.all(ALARM)
                if alarm.stack == group.stack
            ):
                yield f"{group}: nothing sets it to {instances}"


def _watched(alarm: Resource) -> set[tuple[str, str]]:
    """The metrics of an alarm on the sum of queues' metrics, with the queue of each."""
    *metrics, total = sorted(
        alarm.properties.get("Metrics") or [{}], key=lambda m: "Expression" in m
    )
    expression = total.get("Expression", "").split(" + ")
    found = [metric["MetricStat"]["Metric"] for metric in metrics]
    if sorted(expression) != sorted(f"FILL({metric['Id']}, 0)" for metric in metrics):
        return set()
    return {(m["MetricName"], m["Dimensions"][0]["Value"]["Fn::GetAtt"][0]) for m in found}


def _sets(platform: Platform, alarm: Resource, instances: int) -> bool:
    """Whether an alarm's policy gives the group exactly so many instances."""
    policies = [
        policy.properties
        for action in alarm.properties["AlarmActions"]
        if (policy := platform.referred(alarm.stack, action)) is not None
    ]
    return any(
        policy["AdjustmentType"] == "ExactCapacity"
        and [step["ScalingAdjustment"] for step in policy["StepAdjustments"]] == [instances]
        for policy in policies
    )
