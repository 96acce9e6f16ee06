"""Reading a function's partial batch failure."""

from collections.abc import Sequence
from typing import Any


def failed_identifiers(answer: Any, identifiers: Sequence[str]) -> frozenset[str]:
    """Return which of a batch's ``identifiers`` failed, by the answer of a function.

    The function's mapping has ReportBatchItemFailures. If there is no answer, no list or an empty
    list, none has failed. If the answer has another shape, an identifier is missing or empty, or
    one is not in the batch, all have failed.
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
