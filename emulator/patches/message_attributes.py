"""The limits of message attributes.

AWS: a message has at most ten attributes, and a string has the same restrictions as the message's
body: no control characters but tab, line feed and carriage return.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_MessageAttributeValue.html
MiniStack 1.5.33: checks the body only.
Can go: when MiniStack refuses both.
"""

from typing import Any

from ministack.services import sqs

from emulator.patches._seams import seam

MAX_ATTRIBUTES = 10


def install() -> None:
    """Refuse the attributes that AWS refuses, in single messages and in batches."""
    send = seam(sqs, "_act_send_message", "data", "qurl")

    def sent(data: dict[str, Any], qurl: str) -> Any:
        problem = attribute_problem(data.get("MessageAttributes") or {})
        if problem:
            raise sqs._Err("InvalidParameterValue", problem)
        return send(data, qurl)

    sqs._act_send_message = sqs._HANDLERS["SendMessage"] = sent


def attribute_problem(attributes: dict[str, Any]) -> str:
    """Return what is wrong with a message's attributes; empty if nothing is."""
    if len(attributes) > MAX_ATTRIBUTES:
        return f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum [10]."
    for name, value in attributes.items():
        text = value.get("StringValue") or ""
        if sqs._INVALID_SQS_CHARS_RE.search(text):
            return f"Message (user) attribute '{name}' value contains invalid characters."
    return ""
