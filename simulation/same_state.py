"""Whether two runs of a story are in the same state, so that the same can come of both.

The state is the data of all services, the executions of sagas with their variables and retries, the
processes at work and how far each is, what is due, and which faults still last. Times count by how
long ago or ahead they are, roughly: runs that differ by small delays alone are in the same state.
So are those that differ by what only people read, and by how often an order was deferred, as in the
model of one order.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from math import copysign, log2
from typing import Any

from simulation.scenario import Request
from simulation.world import World

UNIT = 15
"""Seconds that make no difference: about as long as a task may take before it is tried again."""
_TIMES = re.compile(r"\b(2\d{3}-\d\d-\d\dT[\d:.]{8,15}(Z|\+00:00)?|1[89]\d{8}(\.\d+)?)\b")
_READ = re.compile(
    r"(Lambda|DynamoDB|Sqs)\.\w+|States\.Timeout"  # an error that is over
    r'|"claimed_by": \{"SS": \[[^]]*\]\}|"deferrals": (\{"N": "[1-9]\d*"\}|[1-9]\d*)'
    r'|"deferred_step": (\{"S": "\w*"\}|"\w*")'
)


def digest_of(world: World, *others: Any) -> bytes:
    """Return a digest of a world's state, and of ``others``; equal states have the same."""
    now, sagas = world.kernel.now, {machine.short for machine in world.machines.values()}
    running = [
        (execution, execution.states is machine.states)
        for machine in world.machines.values()
        for execution in machine.executions
        if execution.status == "RUNNING"
    ]
    state = [
        world.tables.save(),
        [list(world.ledger.rows(table)) for table in ("charges", "entries", "outbox")],
        [
            [queue.name, message.body, message.group, message.receives, message.visible_from]
            for queue in world.queues.values()
            for message in queue.messages
        ],
        [[each.id, each.state, each.variables, each.retries, new] for each, new in running],
        sorted(world.forbidden),
        # How far a saga's execution is, is above.
        sorted(work for work in world.kernel.at_work() if work[0] not in sagas),
        sorted(_relative(json.dumps(due, default=_plain), now) for due in _due(world)),
        others,
    ]
    text = _READ.sub("", json.dumps(state, sort_keys=True, default=_plain))
    for number, (execution, _) in enumerate(running):
        text = text.replace(f'"{execution.id}"', f'"execution {number}"')
    return blake2b(_relative(text, now).encode(), digest_size=16).digest()


def _due(world: World) -> Iterator[Sequence[Any]]:
    for at, timer in world.kernel.due():
        # These are the ends of executions, each together with its claim, which is in its record,
        # and the next runs of scheduled jobs, which are at any time.
        if not timer.background:
            yield at, timer.action, timer.args


def _plain(value: Any) -> Any:
    """Return what stands for a value that JSON does not know."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if is_dataclass(value) and not isinstance(value, type) and _is_value(value):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    if callable(value):
        return [getattr(value, "__qualname__", ""), getattr(value, "__self__", None)]
    return getattr(value, "name", type(value).__name__)


def _is_value(value: Any) -> bool:
    """Whether a dataclass is a customer's request, or does not change."""
    return isinstance(value, Request) or bool(value.__dataclass_params__.frozen)


def _relative(text: str, now: float) -> str:
    """Return a text with each time in it as how long ago or ahead it is, roughly."""

    def about(found: re.Match[str]) -> str:
        stamp = found[0]
        at = datetime.fromisoformat(stamp).timestamp() if "T" in stamp else float(stamp)
        return str(round(copysign(log2(1 + abs(at - now) / UNIT) / 2, at - now)))

    return _TIMES.sub(about, text)
