"""Patterns that select events: of EventBridge rules, and filters of streams and subscriptions.

None of them names a version: an event of an unknown version must reach its consumer, which
dead-letters it with the reason. An event that no rule matches would be lost without a trace.
"""

from collections.abc import Sequence
from typing import Any

from lambdas.contracts.event import DESTINATION_DETAIL_TYPE, DESTINATION_SOURCE, Event


def live_pattern(contracts: Sequence[type[Event]]) -> dict[str, Any]:
    """Return the EventBridge pattern of a live rule for these events.

    It excludes replayed events: those carry ``replay-name`` and match every rule that does not
    exclude them.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-replay-archived-event.html
    """
    return _pattern(contracts, replayed=False)


def replay_pattern(contracts: Sequence[type[Event]]) -> dict[str, Any]:
    """Return the pattern of a rule for replays of these events; it matches no live event."""
    return _pattern(contracts, replayed=True)


def _pattern(contracts: Sequence[type[Event]], *, replayed: bool) -> dict[str, Any]:
    published, returned = (
        [c for c in contracts if c.via_destination is by] for by in (False, True)
    )
    alternatives = []
    if published:
        alternatives.append(record_filter(published))
    if returned:
        alternatives.append(
            {
                "source": [DESTINATION_SOURCE],
                "detail-type": [DESTINATION_DETAIL_TYPE],
                "detail": {"responsePayload": filter_policy(returned)},
            }
        )
    alternative = alternatives[0] if len(alternatives) == 1 else {"$or": alternatives}
    return {**alternative, "replay-name": [{"exists": replayed}]}


def record_filter(contracts: Sequence[type[Event]]) -> dict[str, Any]:
    """Return the pattern of a stream mapping's filter for these events.

    https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis-filtering.html
    """
    return {
        "source": _distinct("source", contracts),
        "detail-type": _distinct("detail_type", contracts),
    }


def filter_policy(contracts: Sequence[type[Event]]) -> dict[str, Any]:
    """Return the SNS filter policy, on the message's body, of a subscriber to these events.

    https://docs.aws.amazon.com/sns/latest/dg/sns-message-filtering-scope.html
    """
    return {
        "source": _distinct("source", contracts),
        "detail_type": _distinct("detail_type", contracts),
    }


def _distinct(name: str, contracts: Sequence[type[Event]]) -> list[Any]:
    return sorted({getattr(contract, name) for contract in contracts})
