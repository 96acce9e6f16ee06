"""Publishing events on an SNS FIFO topic."""

from collections.abc import Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from lambdas.contracts.envelope import EventEnvelope
from lambdas.runtime.publisher import Publisher

if TYPE_CHECKING:
    from types_boto3_sns import SNSClient


class Topic(Publisher):
    """A FIFO topic. The events of a subject are one message group, so they keep their order.

    The messages of a request may have 256 KB. Our messages have under 2.5 KB each, so ten fit.
    """

    keeps_order = True

    def __init__(self, arn: str, *, sns: "SNSClient") -> None:
        """``arn`` is the topic's ARN, ``sns`` boto3's client of SNS."""
        self._arn = arn
        self._sns = sns

    def _put(self, batch: Sequence[EventEnvelope[Any]]) -> list[EventEnvelope[Any]]:
        """Send a batch; return each subject's events from its first failed one on.

        The events after a failed one are sent again after it. The topic drops those that it has
        accepted already, and consumers compare sequences.
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
    """Return the message group id of a subject, such as a SKU: its hash.

    A group id has at most 128 ASCII letters, digits and punctuation marks; a SKU may have other
    characters. https://docs.aws.amazon.com/sns/latest/api/API_PublishBatchRequestEntry.html
    """
    return sha256(subject.encode()).hexdigest()
