"""An SQS queue with the operations that a consumer needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lambdas.runtime.dead_letters import with_reason

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient


MAX_BATCH = 10
"""The most messages that one request receives, deletes or returns.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A received message. Messages of one ``group`` are in order; those without a group are not."""

    id: str
    body: str
    receipt: str = field(repr=False)
    group: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)


class Queue:
    """Receives, deletes, leases, returns and dead-letters messages."""

    def __init__(
        self, url: str, *, dead_letter_url: str, wait: int, lease: int, sqs: "SQSClient"
    ) -> None:
        """``wait`` is the long poll and ``lease`` the visibility time-out, both in seconds."""
        self.name = url.rpartition("/")[2]
        self._url = url
        self._dead_letter_url = dead_letter_url
        self._wait = wait
        self.lease = lease
        self._sqs = sqs

    def receive(self) -> list[Message]:
        """Receive messages, in order within their groups.

        SQS delivers a group's next messages only when the received ones are deleted or returned.
        """
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
        """Delete messages; return those that were not deleted. SQS delivers these again."""
        return self._batch(messages, self._sqs.delete_message_batch, {})

    def set_visibility(self, messages: Sequence[Message], *, seconds: int) -> list[Message]:
        """Hide messages from other consumers for ``seconds`` from now; 0 returns them at once.

        Return the messages for which that failed: another consumer may have received them.
        """
        change = {"VisibilityTimeout": seconds}
        return self._batch(messages, self._sqs.change_message_visibility_batch, change)

    def dead_letter(self, message: Message, *, reason: str) -> None:
        """Send a message unchanged to the dead-letter queue, with the reason as an attribute."""
        ordered: dict[str, Any] = (
            {"MessageGroupId": message.group, "MessageDeduplicationId": message.id}
            if self._dead_letter_url.endswith(".fifo")
            else {}
        )
        self._sqs.send_message(
            QueueUrl=self._dead_letter_url,
            MessageBody=message.body,
            MessageAttributes=with_reason(message.attributes, reason, body=message.body),
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
