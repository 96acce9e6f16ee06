"""Alarms of metric math in CloudFormation.

AWS: an alarm watches one metric, or the result of an expression over several, in `Metrics`.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudwatch-alarm.html
MiniStack 1.5.33: refuses a template whose alarm has `Metrics`.
Here: such an alarm is described as the template has it, and never evaluated: without a metric of
its own it keeps its first state.
Can go: when MiniStack takes `Metrics`.
"""

from typing import Any

from ministack.services.cloudformation import provisioners

from emulator.patches._cloudformation import Properties
from emulator.patches._seams import seam


def install() -> None:
    """Take alarms with `Metrics`."""
    record = seam(provisioners, "_cw_metric_alarm_record", "name", "props")

    def recorded(name: str, props: Properties) -> dict[str, Any]:
        if "Metrics" not in props:
            return dict(record(name, props))
        one_metric = {"MetricName": "none", "Namespace": "none"}
        alarm = record(name, {**props, **one_metric, "Metrics": []})
        own = ("MetricName", "Namespace", "Statistic", "Period", "Dimensions", "Unit")
        return {k: v for k, v in alarm.items() if k not in own} | {"Metrics": props["Metrics"]}

    provisioners._cw_metric_alarm_record = recorded
