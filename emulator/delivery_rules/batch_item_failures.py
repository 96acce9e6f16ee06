"""What a function says of the batch that it was given."""

from collections.abc import Sequence
from typing import Any


def failed_identifiers(answer: Any, identifiers: Sequence[str]) -> frozenset[str]:
    """Return those of the identifiers that a function with ReportBatchItemFailures calls failed.

    No answer, no list, or an empty list: none has failed. An answer of another shape, an empty or
    missing identifier, or one that is not in the batch: all have.
    https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    """
    everything = frozenset(identifiers)
    match answer:
        case None | {"batchItemFailures": None}:
            return frozenset()
        case {"batchItemFailures": [*items]}:
            named = [item.get("itemIdentifier") if isinstance(item, dict) else "" for item in items]
            sound = all(isinstance(name, str) and name in everything for name in named)
            return frozenset(map(str, named)) if sound else everything
        case {"batchItemFailures": _}:
            return everything
        case {}:
            return frozenset()
        case _:
            return everything
