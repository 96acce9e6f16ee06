"""The page about alarms: CloudWatch's word, and what a queue holds now."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.asgi import Browser
from tests.unit.ops.account_fakes import client_error, fake_client, raising
from tests.unit.ops.console.conftest import FakeDeployed, Fill
from tests.unit.ops.dead_letter_samples import message, sink

SINK = sink("storefront/AvailabilitySubscriberDeadLetters")
AT = datetime(2026, 12, 1, 10, tzinfo=UTC)


def alarm(state: str = "OK", **more: Any) -> dict[str, Any]:
    return {
        "AlarmName": "Orders-Dev-Orders-Latency",
        "AlarmDescription": "orders/API: slow <b>answers</b>",
        "StateValue": state,
        "StateReason": "Threshold Crossed: 4.2",
        "StateUpdatedTimestamp": AT,
        "MetricName": "Latency",
        "Dimensions": [],
        "Period": 60,
        "EvaluationPeriods": 5,
        "Threshold": 2.0,
        "ComparisonOperator": "GreaterThanThreshold",
        **more,
    }


def depth(state: str) -> dict[str, Any]:
    queue = SINK.resource.physical.rpartition("/")[2]
    return alarm(
        state,
        AlarmDescription="storefront/AvailabilitySubscriber: dead letters waiting",
        MetricName="ApproximateNumberOfMessagesVisible",
        Dimensions=[{"Name": "QueueName", "Value": queue}],
        EvaluationPeriods=1,
        Threshold=0.0,
    )


@pytest.fixture
def alarms(deployed: FakeDeployed) -> list[dict[str, Any]]:
    """The environment's alarms."""
    found: list[dict[str, Any]] = []

    def pages(*, AlarmNamePrefix: str) -> Any:  # noqa: N803
        assert AlarmNamePrefix == "Orders-Dev-"
        return [{"MetricAlarms": found}]

    deployed.clients["cloudwatch"] = fake_client({"describe_alarms": pages})
    return found


def test_alarm_that_rings_is_first_with_its_reason_and_condition(
    browser: Browser, alarms: list[Any]
):
    alarms += [depth("OK"), alarm("ALARM")]

    page = browser.get("/alarms").text

    assert '<strong class="bad">1</strong> of 2 ring' in page
    assert page.index("slow &lt;b&gt;answers") < page.index("dead letters waiting")
    assert "Threshold Crossed: 4.2" in page
    assert "Latency &gt; 2 for 5 min" in page


def test_alarm_of_a_queue_that_holds_something_would_ring_before_cloudwatch_says_so(
    browser: Browser, alarms: list[Any], fill: Fill
):
    fill(SINK, message("{}"), message("{}", id="m2"))
    alarms += [depth("INSUFFICIENT_DATA"), alarm("INSUFFICIENT_DATA")]

    page = browser.get("/alarms").text

    assert "would ring" in page
    assert f'<a href="/dead-letters/{SINK.name}">' in page
    assert '<span class="bad">2</span>' in page
    assert "The local cloud evaluates no alarms" in page


def test_alarm_of_the_watch_counts_the_dead_letter_queues_that_hold_something(
    browser: Browser, alarms: list[Any], fill: Fill
):
    fill(SINK, message("{}"), message("{}", id="m2"))
    watch = {"MetricName": "DeadLetterQueues", "Threshold": 0.0}
    silent = {"MetricName": "DeadLetterQueues", "ComparisonOperator": "LessThanThreshold"}
    alarms += [
        alarm("INSUFFICIENT_DATA", **watch, AlarmDescription="operations/WatchDeadLetters: some"),
        alarm("OK", **silent, Threshold=0.0, AlarmDescription="operations/WatchDeadLetters: none"),
    ]

    page = browser.get("/alarms").text

    assert '<strong class="bad">1</strong> of 2 rings' in page
    assert '<span class="bad">1</span>' in page
    assert '<a href="/dead-letters">WatchDeadLetters: some</a>' in page


def test_quiet_alarms_are_said_to_be_quiet(browser: Browser, alarms: list[Any]):
    alarms += [alarm(), depth("OK")]

    assert "None of 2 rings." in browser.get("/alarms").text


def test_operator_who_may_not_see_alarms_is_shown_why(browser: Browser, deployed: FakeDeployed):
    denied = raising(client_error("AccessDenied", "not allowed to see them"))
    deployed.clients["cloudwatch"] = fake_client({"describe_alarms": denied})

    answer = browser.get("/alarms")

    assert answer.status == 200
    assert "not allowed to see them" in answer.text
