"""Publishing facts on an SNS FIFO topic."""

import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from lambdas.contracts.envelope import EventEnvelope
from lambdas.runtime.retry import RetryPolicy

MAX_ENTRIES = 10
"""The most entries that one PublishBatch takes; together they may have 256 KB, which ten of our
messages (under 2.5 KB each) do not reach.
https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html
"""
RETRY = RetryPolicy(max_attempts=3)
"""Rejected entries are sent again at once."""
GROUP_ID = re.compile("[!-~]{1,128}")
"""What may name a group: letters, digits and punctuation of ASCII, no space.
https://docs.aws.amazon.com/sns/latest/api/API_PublishBatchRequestEntry.html
"""


class Topic:
    """A FIFO topic, on which the facts of a subject are a group, told in their order."""

    def __init__(self, arn: str, *, sns: Any) -> None:
        """``sns`` is boto3's client of SNS."""
        self._arn = arn
        self._sns = sns

    def publish(self, events: Sequence[EventEnvelope[Any]]) -> list[EventEnvelope[Any]]:
        """Publish the facts in batches and return those that the topic did not take, in order.

        What it did not take is sent again at once, a few times. Where that does not help, the facts
        that follow of the same subject are held back too; the other subjects go on.
        """
        rejected: list[EventEnvelope[Any]] = []
        waiting = list(events)
        while waiting:
            batch, waiting = waiting[:MAX_ENTRIES], waiting[MAX_ENTRIES:]
            for _ in RETRY.attempts():
                batch = self._put(batch)
                if not batch:
                    break
            failed_subjects = {event.metadata.subject for event in batch}
            rejected += batch + [
                event for event in waiting if event.metadata.subject in failed_subjects
            ]
            waiting = [event for event in waiting if event.metadata.subject not in failed_subjects]
        return rejected

    def _put(self, batch: list[EventEnvelope[Any]]) -> list[EventEnvelope[Any]]:
        """Send a batch; return what to send again: each subject from its first failed fact on.

        What came after a failed fact is told once more behind it. The topic drops it if it took it
        before, and whoever compares sequences is not misled.
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
    """The group of a subject: the subject itself, or its hash where SNS does not take it."""
    return subject if GROUP_ID.fullmatch(subject) else sha256(subject.encode()).hexdigest()
