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

LONG = 3 * 3600
"""How many seconds an event may be delayed, when something is wrong."""
REJECTED_FOR = (0, 0, 60)
"""For how many seconds the entries of a type are rejected: longer than a relay tries, or once."""
Event = dict[str, Any]
Deliver = Callable[[Mapping[str, Any]], object]
"""Delivers a topic's message, an entry of PublishBatch, to a subscriber."""


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
            results.append({"EventId": self.publish(entry)})
        return {"Entries": results}

    def publish(self, entry: Mapping[str, Any]) -> str:
        """Accept an entry; return the id of its event."""
        self._count += 1
        self.accept(
            {
                "id": f"event-{self._count}",
                "source": entry["Source"],
                "detail-type": entry["DetailType"],
                "time": self._kernel.moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "detail": json.loads(entry["Detail"]),
            }
        )
        return f"event-{self._count}"

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
                for delay in self._chance.deliveries(where, soon=0.5, late=LONG, rate=2):
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
    """An SNS topic.

    Of a FIFO topic, messages reach each queue in order, duplicates of five minutes once; of a
    standard topic, at least once and in any order.
    """

    def __init__(self, kernel: Kernel, chance: Chance) -> None:
        self._kernel, self._chance = kernel, chance
        self._subscriptions: list[tuple[Mapping[str, Any], Deliver]] = []

    def subscribe(self, deliver: Deliver, filter_policy: Mapping[str, Any]) -> None:
        """Subscribe to the messages whose bodies match the filter policy."""
        self._subscriptions.append((filter_policy, deliver))

    def publish(self, message: str) -> None:
        """Accept a message of a standard topic."""
        for _, deliver in self._subscriptions:
            for delay in self._chance.deliveries("standard topic", soon=0.5, late=LONG):
                self._kernel.after(delay, deliver, {"Message": message})

    def publish_batch(self, entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Accept messages, as PublishBatch does: some of them may fail."""
        failed = []
        for entry in entries:
            if self._chance.fault("message of the topic", [kinds.PARTIAL]):
                failed.append({"Id": entry["Id"], "Code": "InternalError", "SenderFault": False})
                continue
            body = json.loads(entry["Message"])
            for policy, deliver in self._subscriptions:
                if matches(policy, body):
                    deliver(entry)
        return {"Successful": [], "Failed": failed}
