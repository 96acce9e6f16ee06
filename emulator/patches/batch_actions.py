"""The right to do many at once.

AWS: PublishBatch, and each batch operation of SQS, asks for the right to the single one.
https://docs.aws.amazon.com/sns/latest/dg/sns-batch-api-actions.html
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html
MiniStack 1.5.33: asks for a right of its own, such as sns:PublishBatch, which IAM does not know.
Can go: when MiniStack asks for the single one's.
"""

from typing import Any

from ministack.core import iam_actions


def install() -> None:
    """Name the single action wherever the emulator asks which one a request is."""
    extract = iam_actions.extract_iam_action

    def extract_iam_action(service: str, *rest: Any, **more: Any) -> str | None:
        action: str | None = extract(service, *rest, **more)
        return action.removesuffix("Batch") if action and service in ("sns", "sqs") else action

    iam_actions.extract_iam_action = extract_iam_action
