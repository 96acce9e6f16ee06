"""Publishing events on an SNS FIFO topic."""

from collections.abc import Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from lambdas.contracts.envelope import EventEnvelope
from lambdas.runtime.publisher import Publisher

if TYPE_CHECKING:
    from types_boto3_sns import SNSClient


class Topic(Publisher):
    """A FIFO topic; the events of a subject are a message group and keep their order.

    The messages of a request may have 256 KB. Ten of our messages (under 2.5 KB each) do not reach
    that.
    """

    keeps_order = True

    def __init__(self, arn: str, *, sns: "SNSClient") -> None:
        """``sns`` is boto3's client of SNS."""
        self._arn = arn
        self._sns = sns

    def _put(self, batch: Sequence[EventEnvelope[Any]]) -> list[EventEnvelope[Any]]:
        """Send a batch; return each subject's events from its first failed one on.

        Events behind a failed one are sent again behind it. The topic drops those that it took
        before, and consumers compare sequences.
        """
        response = self._sns.publish_batch(
            TopicArn=self._arn,
            PublishBatchRequestEntries=[
                {
                    "Id": str(i),
                    "Message": event.to_sns_message(),
                    "MessageGroupId": group_id(event.metadata.subject),
                    "MessageDeduplicationId": event.metadata.event_id,
                }
                for i, event in enumerate(batch)
            ],
        )
        failed = {int(entry["Id"]) for entry in response.get("Failed", [])}
        to_resend: list[EventEnvelope[Any]] = []
        failed_subjects: set[str] = set()
        for i, event in enumerate(batch):
            if i in failed:
                failed_subjects.add(event.metadata.subject)
            if event.metadata.subject in failed_subjects:
                to_resend.append(event)
        return to_resend


def group_id(subject: str) -> str:
    """Return the group id of a subject, such as a SKU: its hash.

    A group id has at most 128 letters, digits and marks of ASCII, and no space; a SKU may have any.
    https://docs.aws.amazon.com/sns/latest/api/API_PublishBatchRequestEntry.html
    """
    return sha256(subject.encode()).hexdigest()
