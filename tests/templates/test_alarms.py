"""Alarms that say that customers are not served."""

import re
import sys
from typing import Any

import pytest

from ops.__main__ import _arguments
from ops.dlq.selection import find_sink
from stacks.environments import ENVIRONMENTS
from tests.templates.checks.alarms import queue_has_alarm
from tests.templates.kinds import ALARM, QUEUE
from tests.templates.synthesis import OPTIONS, Platform, platform, synthesis_of
from tests.unit.ops.dead_letter_samples import sinks


def alarm(of: Platform, containing: str) -> Any:
    (found,) = (
        each.properties
        for each in of.all(ALARM)
        if containing in each.properties["AlarmDescription"]
    )
    assert found["AlarmActions"]
    return found


@pytest.mark.parametrize(
    ("containing", "namespace", "metric", "statistic", "threshold"),
    [
        ("httpapi/Api: more than 5 requests in 5 minutes", "AWS/ApiGateway", "5xx", "Sum", 5),
        (
            "httpapi/Api: one request in ten takes over 3 s",
            "AWS/ApiGateway",
            "Latency",
            "p90",
            3000,
        ),
        ("operations/Functions: throttled", "AWS/Lambda", "Throttles", "Sum", 0),
    ],
)
def test_failing_slow_and_throttled_requests_raise_an_alarm(
    containing: str, namespace: str, metric: str, statistic: str, threshold: int
):
    found = alarm(platform("prod"), containing)

    assert (found["Namespace"], found["MetricName"]) == (namespace, metric)
    assert statistic in (found.get("Statistic"), found.get("ExtendedStatistic"))
    assert found["Threshold"] == threshold
    assert found["TreatMissingData"] == "notBreaching"


def test_throttles_are_those_of_all_functions():
    assert "Dimensions" not in alarm(platform("prod"), "operations/Functions: throttled")


def test_no_order_for_a_while_raises_an_alarm_where_it_is_set():
    found = alarm(synthesis_of(OPTIONS).platform, "no order for 6 hours")

    assert found["MetricName"] == "ExecutionsStarted"
    assert (found["Period"], found["Threshold"]) == (21_600, 1)
    assert found["ComparisonOperator"] == "LessThanThreshold"
    # Step Functions reports nothing while nothing starts.
    assert found["TreatMissingData"] == "breaching"


def test_no_order_for_a_while_raises_no_alarm_by_default():
    said = [each.properties["AlarmDescription"] for each in platform("prod").all(ALARM)]

    assert [text for text in said if "no order for" in text] == []


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_alarm_says_which_command_to_type_first(environment: str, monkeypatch: pytest.MonkeyPatch):
    """The command parses it; a dead-letter queue in it is the one that the alarm watches."""
    for each in platform(environment).all(ALARM):
        command = each.properties["AlarmDescription"].partition("python -m ")[2].split()
        monkeypatch.setattr(sys, "argv", command)
        arguments = _arguments()

        assert arguments.env == environment
        if command[1:3] == ["dlq", "show"]:
            shown = find_sink(sinks(environment), arguments.queue).resource
            assert shown.stack == each.stack
            if shown.kind == QUEUE:
                assert each.id.startswith(re.sub(r"\w{8}$", "", shown.id))


def test_queue_that_the_watch_of_dead_letters_cannot_find_needs_an_alarm():
    dev = platform("dev").copy()
    repair = dev.one(QUEUE, "Repair")
    assert list(queue_has_alarm(dev)) == []

    repair.properties["QueueName"] = "repair"

    assert list(queue_has_alarm(dev)) == [f"{repair}: no alarm reports that it is not empty"]
