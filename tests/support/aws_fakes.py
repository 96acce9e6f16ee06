"""Clients of EventBridge, SNS and SQS in memory, which may reject entries."""

import json
from typing import Any

from tests.support.doubles import ClientDouble


class FakeEvents(ClientDouble):
    """Stands in for boto3's client of EventBridge.

    Entries of ``refused`` subjects are refused for the first ``times`` requests that hold one.
    """

    def __init__(
        self, *, refused: set[str] | None = None, times: int = 99, broken: bool = False
    ) -> None:
        self.requests: list[list[dict[str, Any]]] = []
        self.taken: list[dict[str, Any]] = []
        self._refused = refused or set()
        self._times = times
        self._broken = broken

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        if self._broken:
            raise ConnectionError("no bus")
        self.requests.append(Entries)
        answers: list[dict[str, str]] = []
        refuses = self._times > 0 and any(map(self._is_refused, Entries))
        self._times -= refuses
        for entry in Entries:
            if refuses and self._is_refused(entry):
                answers.append({"ErrorCode": "ThrottlingException", "ErrorMessage": "later"})
            else:
                self.taken.append(entry)
                answers.append({"EventId": str(len(self.taken))})
        failed = sum("ErrorCode" in answer for answer in answers)
        return {"FailedEntryCount": failed, "Entries": answers}

    def _is_refused(self, entry: dict[str, Any]) -> bool:
        return json.loads(entry["Detail"])["metadata"]["subject"] in self._refused


class FakeSns(ClientDouble):
    """Stands in for boto3's client of SNS, with a FIFO topic that never forgets a deduplication id.

    Messages of ``refused`` (group, sequence) are refused for the first ``times`` requests that hold
    one; those behind them in the same request are taken.
    """

    def __init__(self, *, refused: set[tuple[str, int]] | None = None, times: int = 99) -> None:
        self.requests: list[list[tuple[str, int]]] = []
        self.delivered: list[tuple[str, int]] = []
        self.entries: list[dict[str, Any]] = []
        self._refused = refused or set()
        self._times = times
        self._known: set[tuple[str, str]] = set()

    def publish_batch(
        self,
        *,
        TopicArn: str,  # noqa: N803
        PublishBatchRequestEntries: list[dict[str, Any]],  # noqa: N803
    ) -> dict[str, Any]:
        assert TopicArn == "topic"
        names = [_name(entry) for entry in PublishBatchRequestEntries]
        self.requests.append(names)
        refuses = self._times > 0 and not self._refused.isdisjoint(names)
        self._times -= refuses
        failed = []
        for name, entry in zip(names, PublishBatchRequestEntries, strict=True):
            id_ = (entry["MessageGroupId"], entry["MessageDeduplicationId"])
            if refuses and name in self._refused:
                failed.append({"Id": entry["Id"], "Code": "InternalError", "SenderFault": False})
            elif id_ not in self._known:
                self._known.add(id_)
                self.delivered.append(name)
                self.entries.append(entry)
        return {"Successful": [], "Failed": failed} if failed else {"Successful": []}

    def forget(self) -> None:
        """Five minutes pass, after which a deduplication id is as good as new."""
        self._known.clear()


def _name(entry: dict[str, Any]) -> tuple[str, int]:
    metadata = json.loads(entry["Message"])["metadata"]
    return metadata["subject"], metadata["sequence"]


class FakeSqs(ClientDouble):
    """Stands in for boto3's client of SQS with a dead-letter queue."""

    def __init__(self, *, broken: bool = False) -> None:
        self.sent: list[dict[str, Any]] = []
        self._broken = broken

    def send_message(self, **message: Any) -> None:
        if self._broken:
            raise ConnectionError("no queue")
        self.sent.append(message)

    @property
    def reasons(self) -> list[str]:
        return [message["MessageAttributes"]["reason"]["StringValue"] for message in self.sent]


def records(*bodies: tuple[str, str]) -> list[dict[str, Any]]:
    """What a FIFO queue delivers of messages of (group, body)."""
    return [
        {
            "messageId": f"m{i}",
            "body": body,
            "attributes": {"MessageGroupId": group, "MessageDeduplicationId": f"d{i}"},
        }
        for i, (group, body) in enumerate(bodies)
    ]
