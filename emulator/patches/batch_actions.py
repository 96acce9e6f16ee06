"""The permissions for batch operations.

AWS: PublishBatch, and each batch operation of SQS, needs the permission of the single operation.
https://docs.aws.amazon.com/sns/latest/dg/sns-batch-api-actions.html
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html
MiniStack 1.5.33: needs a permission such as sns:PublishBatch, which does not exist in IAM.
Can go: when MiniStack needs the permission of the single operation.
"""

from typing import Any

from ministack.core import iam_actions


def install() -> None:
    """Return the single operation's action wherever the emulator determines a request's action."""
    extract = iam_actions.extract_iam_action

    def extract_iam_action(service: str, *rest: Any, **more: Any) -> str | None:
        action: str | None = extract(service, *rest, **more)
        return action.removesuffix("Batch") if action and service in ("sns", "sqs") else action

    iam_actions.extract_iam_action = extract_iam_action
