"""A queue of SQS, as its consumer sees it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

MAX_BATCH = 10
"""The most messages that one request receives, deletes or returns.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message in our hands. Messages of one ``group`` are in order; without one, it is alone."""

    id: str
    body: str
    receipt: str = field(repr=False)
    group: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)


class Queue:
    """Receives, deletes, holds and returns messages, and parks those that make no sense."""

    def __init__(self, url: str, *, dead_letter_url: str, wait: int, lease: int, sqs: Any) -> None:
        """Both in seconds: ``wait`` for messages to come; for ``lease`` no one else gets them."""
        self.name = url.rpartition("/")[2]
        self._url = url
        self._dead_letter_url = dead_letter_url
        self._wait = wait
        self.lease = lease
        self._sqs = sqs

    def receive(self) -> list[Message]:
        """Wait for messages; those of a group come in order, and no others until these are gone."""
        answer = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=MAX_BATCH,
            WaitTimeSeconds=self._wait,
            VisibilityTimeout=self.lease,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["MessageGroupId"],
        )
        return [
            Message(
                id=received["MessageId"],
                body=received["Body"],
                receipt=received["ReceiptHandle"],
                group=received.get("Attributes", {}).get("MessageGroupId"),
                attributes=received.get("MessageAttributes", {}),
            )
            for received in answer.get("Messages", [])
        ]

    def delete(self, messages: Sequence[Message]) -> list[Message]:
        """Delete messages, and return those that could not be: they will come again."""
        return self._batch(messages, self._sqs.delete_message_batch, {})

    def set_visibility(self, messages: Sequence[Message], *, seconds: int) -> list[Message]:
        """Keep messages from others for so long from now; 0 gives them back at once.

        Returns those that could not be held: others may have them by now.
        """
        change = {"VisibilityTimeout": seconds}
        return self._batch(messages, self._sqs.change_message_visibility_batch, change)

    def dead_letter(self, message: Message, *, reason: str) -> None:
        """Put a message on the dead-letter queue, whole, and the reason beside it."""
        ordered = (
            {"MessageGroupId": message.group, "MessageDeduplicationId": message.id}
            if message.group and self._dead_letter_url.endswith(".fifo")
            else {}
        )
        self._sqs.send_message(
            QueueUrl=self._dead_letter_url,
            MessageBody=message.body,
            MessageAttributes={
                **message.attributes,
                "reason": {"DataType": "String", "StringValue": reason},
            },
            **ordered,
        )

    def _batch(
        self, messages: Sequence[Message], request: Any, change: Mapping[str, int]
    ) -> list[Message]:
        if not messages:
            return []
        answer = request(
            QueueUrl=self._url,
            Entries=[
                {"Id": str(i), "ReceiptHandle": message.receipt, **change}
                for i, message in enumerate(messages)
            ],
        )
        return [messages[int(failure["Id"])] for failure in answer.get("Failed", [])]
