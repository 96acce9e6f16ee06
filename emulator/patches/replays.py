"""The rules that a replay of an archive reaches.

AWS: it reaches the rules in its `FilterArns`, or all rules if that is empty.
https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_ReplayDestination.html
AWS: once it is cancelled it delivers nothing. While it runs, it has the time of the last event.
https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CancelReplay.html
https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DescribeReplay.html
MiniStack 1.5.33: it reaches all rules in any case. Its deliveries have no principal, so a queue
with a policy refuses them. If it is cancelled, it goes on, and ends as COMPLETED.
Can go: when a replay that names a rule reaches the queue of that rule and of no other, and a
cancelled one reaches none.
"""

import contextvars
from collections.abc import Mapping
from typing import Any

from ministack.services import eventbridge

from emulator.patches._seams import seam

_contexts: dict[str, contextvars.Context] = {}


def install() -> None:
    """Restrict replays to their rules, and end them. Install after `event_targets`."""
    start_replay = seam(eventbridge, "_start_replay", "data")
    cancel_replay = seam(eventbridge, "_cancel_replay", "data")
    invoke_target = seam(eventbridge, "_invoke_target", "target", "event", "rule", "view")

    def start(data: Mapping[str, Any]) -> Any:
        _contexts[data.get("ReplayName", "")] = contextvars.copy_context()
        return start_replay(data)

    def cancel(data: Mapping[str, Any]) -> Any:
        if replay := eventbridge._replays.get(data.get("ReplayName", "")):
            # Its thread has the old record, and writes there that it runs, or is complete.
            eventbridge._replays[replay["ReplayName"]] = dict(replay)
        return cancel_replay(data)

    def invoke(target: Any, event: Mapping[str, Any], rule: Any, view: Any = None) -> None:
        name = event.get("ReplayName")
        if name is None:
            invoke_target(target, event, rule, view)
            return
        replay = eventbridge._replays[name]
        if replay["State"] == "CANCELLED":
            return
        replay["EventLastReplayedTime"] = event["Time"]
        if rule["Arn"] in (_named(replay) or [rule["Arn"]]):
            _contexts[name].run(invoke_target, target, event, rule, view)

    eventbridge._start_replay, eventbridge._cancel_replay = start, cancel
    eventbridge._invoke_target = invoke


def _named(replay: Mapping[str, Any]) -> list[str]:
    return list(replay["Destination"].get("FilterArns", []))
