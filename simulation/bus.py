"""EventBridge's rules, which deliver at least once and in any order, and an SNS FIFO topic."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emulator.delivery_rules.retry_policies import (
    FailedAttempt,
    FailureKind,
    GiveUp,
    Limits,
    decide_target_retry,
)
from simulation import chance as kinds
from simulation.chance import Chance
from simulation.kernel import Kernel
from simulation.patterns import matches
from simulation.queues import Queue

LONG = 3 * 3600
"""How many seconds an event may be delayed, when something is wrong."""
REJECTED_FOR = (0, 0, 60)
"""For how many seconds the entries of a type are rejected: longer than a relay tries, or once."""
Event = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A target of a rule. ``undelivered`` is the name of its dead-letter queue."""

    rule: str
    short: str
    pattern: Mapping[str, Any]
    deliver: Callable[[Event], None]
    limits: Limits
    undelivered: str


class Bus:
    """An event bus."""

    def __init__(
        self,
        kernel: Kernel,
        chance: Chance,
        *,
        dead_letter: Callable[[str, dict[str, Any]], None],
        on_event: Callable[[Event], None],
    ) -> None:
        """``on_event`` is called once for each event that the bus accepts."""
        self.targets: list[Target] = []
        self._kernel, self._chance = kernel, chance
        self._dead_letter, self._on_event = dead_letter, on_event
        self._count = 0
        self._rejected_until: dict[str, float] = {}

    def put(self, entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Accept entries, as PutEvents does: some of them may be rejected."""
        results = []
        for entry in entries:
            if self._rejects(entry["DetailType"]):
                results.append({"ErrorCode": "InternalFailure", "ErrorMessage": "simulated"})
                continue
            self._count += 1
            results.append({"EventId": f"event-{self._count}"})
            self.accept(
                {
                    "id": f"event-{self._count}",
                    "source": entry["Source"],
                    "detail-type": entry["DetailType"],
                    "time": self._kernel.moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
                    "detail": json.loads(entry["Detail"]),
                }
            )
        return {"Entries": results}

    def _rejects(self, detail_type: str) -> bool:
        """Decide whether an entry is rejected; sometimes all of its type are, for a while."""
        now, where = self._kernel.now, f"entry {detail_type}"
        if now < self._rejected_until.get(detail_type, 0):
            return True
        if self._chance.fault(where, [kinds.PARTIAL]) is None:
            return False
        self._rejected_until[detail_type] = now + self._chance.pick(where, REJECTED_FOR)
        return True

    def accept(self, event: Event) -> None:
        """Deliver an event to the targets of all matching rules, at least once."""
        self._on_event(event)
        for target in self.targets:
            if matches(target.pattern, event):
                where = f"{event['detail-type']} to {target.short}"
                fault = self._chance.fault(where, [kinds.DUPLICATE, kinds.DELAY], rate=2)
                delays = [self._chance.between(where, 0, 0.5)]
                if fault == kinds.DUPLICATE:
                    delays.append(self._chance.between(where, 0, LONG))
                elif fault == kinds.DELAY:
                    delays = [self._chance.between(where, 0, LONG)]
                for delay in delays:
                    self._kernel.after(delay, self._attempt, target, event, self._kernel.now, 1)

    def _attempt(self, target: Target, event: Event, since: float, times: int) -> None:
        where = f"target {target.short}"
        fault = self._chance.fault(where, [kinds.THROTTLE, kinds.SERVER_ERROR])
        if fault != kinds.THROTTLE:
            target.deliver(event)
        if fault is None:
            return
        failed = FailedAttempt(
            kind=FailureKind.TRANSIENT,
            times=times,
            age=self._kernel.now - since,
            jitter=self._chance.draw("jitter"),
        )
        verdict = decide_target_retry(target.limits, failed)
        if isinstance(verdict, GiveUp):
            self._dead_letter(target.undelivered, {"event": event, "rule": target.rule})
        else:
            self._kernel.after(verdict.delay, self._attempt, target, event, since, times + 1)


class Topic:
    """An SNS FIFO topic.

    Its messages reach each queue in order, duplicates of five minutes once.
    """

    def __init__(self, kernel: Kernel, chance: Chance) -> None:
        self._kernel, self._chance = kernel, chance
        self._subscriptions: list[tuple[Mapping[str, Any], Queue]] = []

    def subscribe(self, queue: Queue, filter_policy: Mapping[str, Any]) -> None:
        """Subscribe a queue to the messages whose bodies match the filter policy."""
        self._subscriptions.append((filter_policy, queue))

    def publish_batch(self, entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Accept messages, as PublishBatch does: some of them may fail."""
        failed = []
        for entry in entries:
            if self._chance.fault("message of the topic", [kinds.PARTIAL]):
                failed.append({"Id": entry["Id"], "Code": "InternalError", "SenderFault": False})
                continue
            body = json.loads(entry["Message"])
            for policy, queue in self._subscriptions:
                if matches(policy, body):
                    queue.send(
                        entry["Message"],
                        group=entry["MessageGroupId"],
                        deduplication=entry["MessageDeduplicationId"],
                    )
        return {"Successful": [], "Failed": failed}
