"""The rules that a replay of an archive reaches.

AWS: it reaches the rules in its `FilterArns`, or all rules if that is empty.
https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_ReplayDestination.html
MiniStack 1.5.33: it reaches all rules in any case. Its deliveries have no principal, so a queue
with a policy refuses them.
Can go: when a replay that names a rule reaches the queue of that rule and of no other.
"""

import contextvars
from collections.abc import Mapping
from typing import Any

from ministack.services import eventbridge

from emulator.patches._seams import seam

_contexts: dict[str, contextvars.Context] = {}


def install() -> None:
    """Restrict replays to their rules. Install after `event_targets`, which delivers."""
    start_replay = seam(eventbridge, "_start_replay", "data")
    invoke_target = seam(eventbridge, "_invoke_target", "target", "event", "rule", "view")

    def start(data: Mapping[str, Any]) -> Any:
        _contexts[data.get("ReplayName", "")] = contextvars.copy_context()
        return start_replay(data)

    def invoke(target: Any, event: Mapping[str, Any], rule: Any, view: Any = None) -> None:
        name = event.get("ReplayName")
        if name is None:
            invoke_target(target, event, rule, view)
        elif rule["Arn"] in (_named(name) or [rule["Arn"]]):
            _contexts[name].run(invoke_target, target, event, rule, view)

    eventbridge._start_replay, eventbridge._invoke_target = start, invoke


def _named(replay: str) -> list[str]:
    return list(eventbridge._replays[replay]["Destination"].get("FilterArns", []))
