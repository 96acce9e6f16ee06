"""The deduplication of FIFO topics and queues, as fast after an hour of messages as at first.

AWS: a topic or queue forgets a deduplication id after five minutes, and sending takes the same time
however many ids it remembers.
https://docs.aws.amazon.com/sns/latest/dg/fifo-message-dedup.html
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagededuplicationid-property.html
MiniStack 1.5.33: copies all ids of the last five minutes at each message: at 40 messages a second,
12,000 of them, on the one thread that answers all requests.
Can go: when sending the ten-thousandth message takes as long as the tenth without it.
"""

import time
from itertools import takewhile
from typing import Any

from ministack.services import sns, sqs

from emulator.patches._seams import seam


def install() -> None:
    """Remove the ids that are too old, and look at no others."""
    seam(sns, "_prune_sns_dedup", "topic")
    seam(sqs, "_prune_dedup", "q")
    sns._prune_sns_dedup = sqs._prune_dedup = forget_old_ids


def forget_old_ids(sent_to: dict[str, Any]) -> None:
    """Remove the ids that a topic or queue remembers no longer. They are in the order of time."""
    now = time.time()
    known = sent_to.get("dedup_cache", {})
    for old in list(takewhile(lambda id: known[id]["expire"] <= now, known)):
        del known[old]
