"""Parking an event that a function can do nothing with, however often it is called."""

import json
from collections.abc import Mapping
from typing import Any


def dead_letter(sqs: Any, queue: str, event: Mapping[str, Any], *, reason: str) -> None:
    """Put the event, whole, and the reason on a standard queue of that URL.

    What a function fails at is parked as well, by Lambda, but only after it was tried again.
    """
    sqs.send_message(QueueUrl=queue, MessageBody=json.dumps({"reason": reason, "event": event}))
