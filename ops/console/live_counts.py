"""The numbers of messages in flight and dead-lettered, by service and by queue.

Counts are taken once for all open pages. While no page is open, none are taken.
"""

import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock

from botocore.exceptions import ClientError

from ops.console.wiring import Wiring
from ops.deployed import Deployed
from ops.dlq.peek import measure_all
from ops.dlq.readers import SinkReader, reader_for, reader_of
from ops.dlq.redrive import is_denied
from ops.dlq.templates import MACHINE, QUEUE
from stacks.names import service_of

SECONDS_LOCAL, SECONDS_REMOTE = 2.0, 15.0
"""How long counts are good for: a request to SQS in an account costs money, if little."""

EXPRESS = "StateMachineTypeNotSupported"
"""The error with which Step Functions says that it keeps no list of a machine's executions."""
UNREADABLE = "unreadable"
"""The key of the number of queues and sinks without a count."""
Counts = Mapping[str, int]
"""By key: ``orders.dead`` and ``orders.flying`` of a service, a thing's or sink's name, and lines:
``line:orders>bus``."""


@dataclass(slots=True)
class LiveCounts:
    """Takes the counts, and caches them for ``seconds``."""

    deployed: Deployed
    seconds: float
    passed: Callable[[], Counts] = dict
    """Returns how much has passed along each line of the map, where that is known."""
    clock: Callable[[], float] = time.monotonic
    _taken_at: float = float("-inf")
    _counts: Counts = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def now(self) -> Counts:
        """Return counts that are at most ``seconds`` old."""
        with self._lock:
            if self.clock() - self._taken_at >= self.seconds:
                self._counts = {**count(self.deployed), **self.passed()}
                self._taken_at = self.clock()
            return self._counts


def count(deployed: Deployed) -> Counts:
    """Return the count of each queue, failure sink and saga now, and each service's sums."""
    wiring = Wiring(deployed.templates())
    queues = [each for each in wiring.things if each.kind == QUEUE]
    readers: dict[str, SinkReader] = {
        each.name: reader_of(each, deployed.client) for each in queues
    }
    readers |= {sink.name: reader_for(sink, deployed.client) for sink in wiring.sinks}
    depths, unreadable = measure_all(readers)
    counts = Counter({name: depth.total for name, depth in depths.items()})
    counts[UNREADABLE] = len(unreadable)
    stacks = {each.name: each.stack for each in queues}
    for name, stack in stacks.items():
        counts[f"{service_of(stack)}.flying"] += counts[name]
    for sink in wiring.sinks:
        counts[f"{service_of(sink.resource.stack)}.dead"] += counts[sink.name]
    for machine in (each for each in wiring.things if each.kind == MACHINE):
        running = _running(deployed, machine.physical)
        if running is not None:
            counts[machine.name] = running
            counts[f"{service_of(machine.stack)}.flying"] += running
    return dict(counts)


def _running(deployed: Deployed, machine: str) -> int | None:
    """Return the number of running executions, at most a hundred; None if it is not known.

    Executions of an Express machine cannot be listed, and the operator may lack the permission.
    https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListExecutions.html
    """
    states = deployed.client("stepfunctions")
    try:
        found = states.list_executions(
            stateMachineArn=machine, statusFilter="RUNNING", maxResults=100
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == EXPRESS or is_denied(error):
            return None
        raise
    return len(found["executions"])


async def events(
    values: Callable[[], Awaitable[Mapping[str, object]]], pause: Callable[[], Awaitable[None]]
) -> AsyncIterator[str]:
    """Yield server-sent events: all values at first, then those that changed.

    https://html.spec.whatwg.org/multipage/server-sent-events.html
    """
    known: Mapping[str, object] = {}
    while True:
        current = await values()
        changed = {name: n for name, n in current.items() if known.get(name) != n}
        known = current
        yield f"data: {json.dumps(changed)}\n\n" if changed else ": nothing changed\n\n"
        await pause()
