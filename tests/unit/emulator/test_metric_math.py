"""The local cloud takes alarms of metric math, which MiniStack refuses."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from ministack.services import cloudwatch
from ministack.services.cloudformation import provisioners

from emulator.patches import cfn_metric_math

ALARM = "AWS::CloudWatch::Alarm"
METRICS = [
    {"Id": "e", "Expression": "a / 2", "ReturnData": True},
    {"Id": "a", "MetricStat": {"Metric": {"Namespace": "N", "MetricName": "M"}, "Stat": "Sum"}},
]
CONDITION = {"ComparisonOperator": "GreaterThanThreshold", "Threshold": 1, "EvaluationPeriods": 3}


@pytest.fixture(autouse=True)
def patched(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    record = provisioners._cw_metric_alarm_record
    monkeypatch.setattr(provisioners, "_cw_metric_alarm_record", record)
    cfn_metric_math.install()
    yield
    cloudwatch._alarms.clear()


def created(**properties: Any) -> Any:
    name, _ = provisioners._RESOURCE_HANDLERS[ALARM]["create"](
        "Alarm", {**CONDITION, **properties}, "stack"
    )
    asked = {"AlarmNames": [name]}
    _, _, body = cloudwatch._describe_alarms({}, asked, is_cbor=False, is_json=True)
    (alarm,) = json.loads(body)["MetricAlarms"]
    return alarm


def test_alarm_of_metric_math_is_described_as_the_template_has_it():
    alarm = created(Metrics=METRICS)

    assert alarm["Metrics"] == METRICS
    assert alarm["Threshold"] == 1
    assert not {"MetricName", "Namespace", "Period", "Statistic", "Dimensions"} & alarm.keys()


def test_alarm_of_one_metric_is_left_as_it_was():
    alarm = created(MetricName="M", Namespace="N")

    assert (alarm["MetricName"], alarm["Namespace"]) == ("M", "N")
    assert "Metrics" not in alarm
