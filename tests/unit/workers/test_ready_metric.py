"""A worker counts itself once a minute, so that an alarm knows how many are ready."""

import json

import pytest

from workers.runtime.health import DRAINING, READY, STARTING, STUCK
from workers.runtime.program import ReadyMetric


def test_ready_worker_is_counted_once_in_each_minute_of_the_clock(
    capsys: pytest.CaptureFixture[str],
):
    seconds = iter([59.0, 59.9, 60.0, 64.0, 119.9, 120.0])
    metric = ReadyMetric("Orders-Dev-Warehouse", clock=lambda: next(seconds))

    for _ in range(6):
        metric.observe(READY)

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["WorkersReady"] for line in lines] == [1, 1, 1]
    assert {line["AutoScalingGroupName"] for line in lines} == {"Orders-Dev-Warehouse"}
    (described,) = lines[0]["_aws"]["CloudWatchMetrics"]
    assert described["Namespace"] == "Orders"
    assert described["Dimensions"] == [["AutoScalingGroupName"]]


@pytest.mark.parametrize("state", [STARTING, DRAINING, STUCK])
def test_worker_that_is_not_ready_is_not_counted(state: str, capsys: pytest.CaptureFixture[str]):
    seconds = iter([0.0, 1.0])
    metric = ReadyMetric("group", clock=lambda: next(seconds))

    metric.observe(state)
    assert capsys.readouterr().out == ""

    metric.observe(READY)
    assert "WorkersReady" in capsys.readouterr().out
