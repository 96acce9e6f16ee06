"""The watch of dead-letter queues: what it reads, counts, and notifies of."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.ops.account_fakes import client_error, fake_client, raising

SETTINGS = {
    "ENVIRONMENT": "dev",
    "QUEUE_PREFIX": "Orders-Dev-",
    "OPERATIONS_TOPIC": "arn:topic",
}
HANDLER = "lambdas.operations.watch_dead_letters"
Load = Callable[..., Any]


class Queues:
    """SQS and the topic, in memory: depth and redrive policy by queue."""

    def __init__(self, **depths: int) -> None:
        self.depths = depths
        self.notices: list[str] = []
        self.reading = 0
        self.sqs = fake_client({"list_queues": self._pages}, get_queue_attributes=self._read)
        self.sns = fake_client(publish=self._publish)

    def _pages(self, *, QueueNamePrefix: str) -> Any:  # noqa: N803
        assert QueueNamePrefix == "Orders-Dev-"
        # A page without queues has no list.
        return [{}, {"QueueUrls": [f"https://sqs/1/Orders-Dev-{name}" for name in self.depths]}]

    def _read(self, *, QueueUrl: str, AttributeNames: list[str]) -> Any:  # noqa: N803
        name = QueueUrl.rpartition("-")[2]
        found = {
            "ApproximateNumberOfMessages": str(self.depths[name]),
            "ApproximateNumberOfMessagesNotVisible": str(self.reading),
            "RedrivePolicy": "{}",
        }
        has_consumer = name.startswith("Work")
        wanted = [each for each in AttributeNames if each != "RedrivePolicy" or has_consumer]
        return {"Attributes": {each: found[each] for each in wanted}}

    def _publish(self, *, TopicArn: str, Subject: str, Message: str) -> None:  # noqa: N803
        assert (TopicArn, Subject) == ("arn:topic", "Orders dev: dead letters waiting")
        self.notices.append(Message)


@pytest.fixture
def watch(load_offline_handler: Load, monkeypatch: pytest.MonkeyPatch) -> Callable[[Queues], Any]:
    """Load a function, and return how to run it on queues."""
    handler = load_offline_handler(HANDLER, **SETTINGS)

    def run(queues: Queues) -> Any:
        monkeypatch.setitem(handler.__globals__, "sqs", queues.sqs)
        monkeypatch.setitem(handler.__globals__, "sns", queues.sns)
        return handler({}, None)

    return run


def metric(said: str) -> Any:
    return json.loads(said.splitlines()[-1])["DeadLetterQueues"]


def test_queue_that_is_not_empty_is_counted_and_named(
    watch: Callable[[Queues], Any], capsys: pytest.CaptureFixture[str]
):
    queues = Queues(Repair=2, Undelivered=0, WorkQueue=7)

    assert watch(queues) == {"Orders-Dev-Repair": 2}

    assert metric(capsys.readouterr().out) == 1
    (notice,) = queues.notices
    assert "Orders-Dev-Repair: 2 dead letters" in notice
    assert "Undelivered" not in notice
    assert "python -m ops dlq list --non-empty --env dev" in notice


def test_empty_queues_are_counted_and_nobody_is_notified(
    watch: Callable[[Queues], Any], capsys: pytest.CaptureFixture[str]
):
    queues = Queues(Repair=0)

    assert watch(queues) == {}

    assert metric(capsys.readouterr().out) == 0
    assert queues.notices == []


def test_queue_is_named_once_and_again_after_it_was_empty(watch: Callable[[Queues], Any]):
    queues = Queues(Repair=1, Undelivered=0)
    watch(queues)
    watch(queues)
    assert len(queues.notices) == 1

    queues.depths["Undelivered"] = 1
    watch(queues)
    assert "Undelivered: 1 dead letter, since the last look" in queues.notices[1]
    assert "Repair: 1 dead letter\n" in queues.notices[1]

    queues.depths["Repair"] = 0
    watch(queues)
    queues.depths["Repair"] = 1
    watch(queues)
    assert "Repair: 1 dead letter, since the last look" in queues.notices[2]


def test_dead_letters_that_somebody_reads_are_still_there(watch: Callable[[Queues], Any]):
    queues = Queues(Repair=1)
    watch(queues)

    queues.depths["Repair"], queues.reading = 0, 1

    assert watch(queues) == {"Orders-Dev-Repair": 1}
    assert len(queues.notices) == 1


def test_notice_that_was_not_sent_is_sent_by_the_next_run(
    watch: Callable[[Queues], Any], capsys: pytest.CaptureFixture[str]
):
    queues = Queues(Repair=1)
    works, queues.sns = queues.sns, fake_client(publish=raising(client_error("Throttled")))

    with pytest.raises(Exception, match="Throttled"):
        watch(queues)
    assert metric(capsys.readouterr().out) == 1

    queues.sns = works
    watch(queues)
    assert len(queues.notices) == 1
