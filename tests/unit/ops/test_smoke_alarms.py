"""The smoke test says which alarms watch metrics without data."""

from typing import Any

from ops.commands import smoke
from ops.smoke.alarms import unseen_metrics
from tests.unit.ops.account_fakes import FakeDeployed, fake_client

QUEUES, VISIBLE = "AWS/SQS", "ApproximateNumberOfMessagesVisible"


def dimensions(**named: str) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in named.items()]


def alarm(description: str, metric: Any) -> Any:
    return {"AlarmName": "a", "AlarmDescription": description, **metric}


def queue(name: str, dimension: str = "QueueName") -> Any:
    return {
        "Namespace": QUEUES,
        "MetricName": VISIBLE,
        "Dimensions": dimensions(**{dimension: name}),
    }


def throttles(**named: str) -> Any:
    found = {"Namespace": "AWS/Lambda", "MetricName": "Throttles"}
    return {**found, "Dimensions": dimensions(**named)} if named else found


def deployed(*alarms: Any, is_local: bool = False) -> Any:
    listed = [queue("used"), throttles(FunctionName="f"), throttles()]
    asked: list[str] = []

    def list_metrics(**shape: str) -> Any:
        assert shape["MetricName"] not in asked, "asked twice"
        asked.append(shape["MetricName"])
        found = [each for each in listed if shape.items() <= each.items()]
        return [{"Metrics": [each]} for each in found]

    def describe_alarms(**only: Any) -> Any:
        assert only["AlarmNamePrefix"] == "Orders-Dev-"
        return [{"MetricAlarms": [each]} for each in alarms]

    pages = {"describe_alarms": describe_alarms, "list_metrics": list_metrics}
    return FakeDeployed(clients={"cloudwatch": fake_client(pages)}, is_local=is_local)


def test_alarm_of_a_metric_with_data_is_not_listed():
    computed = {
        "Metrics": [
            {"Id": "e", "Expression": "a"},
            {"Id": "a", "MetricStat": {"Metric": throttles()}},
        ]
    }

    assert list(unseen_metrics(deployed(alarm("s/A", queue("used")), alarm("s/B", computed)))) == []


def test_alarm_of_a_metric_without_data_is_listed_with_its_dimensions():
    found = unseen_metrics(deployed(alarm("s/B", queue("idle")), alarm("s/A", queue("new"))))

    assert list(found) == [
        f"s/A: {QUEUES} {VISIBLE} has no data of QueueName new",
        f"s/B: {QUEUES} {VISIBLE} has no data of QueueName idle",
    ]


def test_dimensions_that_no_metric_has_are_named():
    metrics = [{"Id": "m", "MetricStat": {"Metric": queue("q", "Queue")}}]

    (line,) = unseen_metrics(deployed(alarm("s/A", {"Metrics": metrics})))

    assert line == f"s/A: there is no {QUEUES} {VISIBLE} with Queue at all"


def test_metric_without_dimensions_is_not_found_by_those_that_have_some():
    without = {"Namespace": QUEUES, "MetricName": VISIBLE}

    (line,) = unseen_metrics(deployed(alarm("s/A", without)))

    assert line == f"s/A: there is no {QUEUES} {VISIBLE} with no dimension at all"


def test_local_cloud_is_not_asked():
    local = deployed(alarm("s/A", queue("idle")), is_local=True)

    (line,) = smoke._alarms(local)

    assert line.endswith("only an account can show it")
    assert list(smoke._alarms(deployed(alarm("s/A", queue("idle"))))) == [
        f"no data s/A: {QUEUES} {VISIBLE} has no data of QueueName idle"
    ]
    assert list(smoke._alarms(deployed(alarm("s/A", queue("used"))))) == [
        "works   every alarm's metrics have data"
    ]
