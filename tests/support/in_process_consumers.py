"""The consumers that the templates declare, and deliveries to them in this process."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from lambdas.runtime.aws import client
from lambdas.runtime.bus import Bus
from simulation.functions import Outcome
from simulation.patterns import matches
from simulation.tables import Change
from tests.support.in_process import InProcess
from tests.support.source_records import (
    DESTINATION,
    QUEUE,
    RULE,
    SCHEDULE,
    STREAM,
    TABLE,
    bus_event,
    record,
    wrapped,
)
from workers.runtime.consumer import Consumer as WorkerLoop
from workers.runtime.queue import Message
from workers.runtime.shutdown import Shutdown
from workers.warehouse.handlers import MessageHandlers
from workers.warehouse.store import Warehouse

NOT_RUN = ("backbone.scale_stream",)
"""Functions that use services which are not here, and read nothing of their event."""
NOW = "2030-01-01T00:00:00+00:00"
WORKER_QUEUES = {"Picking": "pick", "StockChangesQueue": "update_stock"}
"""The queues that workers read, and the handlers of their messages: no template says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumer:
    """A function or worker, and what is delivered to it."""

    name: str
    kind: str
    source: str
    """The table, stream, queue or rule from which it is delivered."""
    wanted: Callable[[Any], bool]
    """Whether the source's filters let a content through: an event, a message, or a change."""
    invoke: Callable[[Any], Outcome] = field(repr=False)

    def __str__(self) -> str:
        return f"{self.name}-{self.kind}"


class Consumers:
    """All consumers of a platform, and what was delivered to each."""

    def __init__(self, here: InProcess) -> None:
        """Find them; ``here`` has to be installed."""
        self._here = here
        self.delivered: dict[str, list[Any]] = {}
        """What was delivered to each consumer, one content at a time."""
        ways = self._mapped, self._rules, self._destinations, self._schedules, self._workers
        self.all = [consumer for way in ways for consumer in way()]

    def named(self, name: str) -> Consumer:
        """Return a consumer by its name and kind."""
        return next(each for each in self.all if str(each) == name)

    def publish(self, event: Mapping[str, Any]) -> None:
        """Deliver an event of the bus."""
        for consumer in self.all:
            if consumer.kind in (RULE, STREAM, QUEUE) and consumer.wanted(event):
                self.deliver(consumer, event)

    def deliver(self, consumer: Consumer, content: Any) -> Outcome:
        """Invoke a consumer with one content; its successes reach its destination."""
        self.delivered.setdefault(str(consumer), []).append(deepcopy(content))
        outcome = consumer.invoke(wrapped(consumer.kind, [content]))
        for destination in self.all:
            if destination.kind == DESTINATION and destination.source == consumer.name:
                record = {"requestPayload": content, "responsePayload": outcome.payload}
                self.deliver(destination, record)
        return outcome

    def deliver_changes(self) -> None:
        """Deliver all changes of tables, and what follows from them, until nothing does."""
        while self._here.changes or self._here.sent:
            changes, sent = list(self._here.changes), list(self._here.sent)
            self._here.changes.clear()
            self._here.sent.clear()
            for consumer, content in self.wanted(changes):
                self.deliver(consumer, content)
            for _, operation, request in sent:
                for entry in request.get("Entries", ()) if operation == "put_events" else ():
                    self.publish(bus_event(entry))
                for entry in request.get("PublishBatchRequestEntries", ()):
                    self.publish(json.loads(entry["Message"]))

    def drop_changes(self) -> None:
        """Note all changes of tables as delivered, and do not deliver them."""
        for consumer, content in self.wanted(self._here.changes):
            self.delivered.setdefault(str(consumer), []).append(content)
        self._here.changes.clear()

    def wanted(self, changes: Sequence[Change]) -> Iterator[tuple[Consumer, Any]]:
        """Yield what consumers get of changes of tables, each with its consumer."""
        for change in changes:
            for consumer in self.all:
                if consumer.source == change.table and consumer.wanted(record(change)):
                    yield consumer, {"before": change.before, "after": change.after}

    def _consumer(
        self, function: str, kind: str, source: str, wanted: Callable[[Any], bool]
    ) -> Consumer:
        invoke = partial(self._here.invoke, function)
        name = self._here.functions[function].short
        return Consumer(name=name, kind=kind, source=source, wanted=wanted, invoke=invoke)

    def _mapped(self) -> Iterator[Consumer]:
        for mapping in self._here.templates.all("AWS::Lambda::EventSourceMapping"):
            own = mapping.properties
            source = own["EventSourceArn"]
            given = own.get("FilterCriteria", {}).get("Filters", ())
            filters = [json.loads(each["Pattern"]) for each in given]
            kind, lets_through = self._source(source)

            def wanted(
                content: Any, kind: str = kind, filters: Any = filters, lets: Any = lets_through
            ) -> bool:
                shown = {"data": content} if kind == STREAM else content
                return lets(content) and (
                    not filters or any(matches(each, shown) for each in filters)
                )

            yield self._consumer(own["FunctionName"], kind, source, wanted)

    def _source(self, source: str) -> tuple[str, Callable[[Any], bool]]:
        """Return a source's kind, and what its rules or subscriptions let through."""
        if source in self._here.table_names:
            return TABLE, lambda _: True
        patterns = [
            rule.properties["EventPattern"]
            for rule in self._here.templates.all("AWS::Events::Rule")
            if source in [target["Arn"] for target in rule.properties["Targets"]]
        ]
        policies = [
            subscription.properties["FilterPolicy"]
            for subscription in self._here.templates.all("AWS::SNS::Subscription")
            if subscription.properties["Endpoint"] == source
        ]
        is_queue = any(q.name == source for q in self._here.templates.all("AWS::SQS::Queue"))
        return QUEUE if is_queue else STREAM, lambda content: any(
            matches(each, content) for each in (*patterns, *policies)
        )

    def _rules(self) -> Iterator[Consumer]:
        for rule in self._here.templates.all("AWS::Events::Rule"):
            for target in rule.properties["Targets"]:
                if target["Arn"] in self._here.functions:
                    wanted = partial(matches, rule.properties["EventPattern"])
                    yield self._consumer(target["Arn"], RULE, rule.name, wanted)

    def _destinations(self) -> Iterator[Consumer]:
        for config in self._here.templates.all("AWS::Lambda::EventInvokeConfig"):
            own = config.properties
            target = own["DestinationConfig"].get("OnSuccess", {}).get("Destination")
            if target in self._here.functions:
                source = self._here.functions[own["FunctionName"]].short
                yield self._consumer(target, DESTINATION, source, lambda _: False)

    def _schedules(self) -> Iterator[Consumer]:
        for schedule in self._here.templates.all("AWS::Scheduler::Schedule"):
            target = schedule.properties["Target"]
            if self._here.functions[target["Arn"]].short in NOT_RUN:
                continue
            consumer = self._consumer(target["Arn"], SCHEDULE, schedule.name, lambda _: False)
            self.delivered.setdefault(str(consumer), []).append(
                json.loads(target.get("Input", "{}")) | {"dry_run": False}
            )
            yield consumer

    def _workers(self) -> Iterator[Consumer]:
        tables = {
            name.partition(".")[2]: name for name in self._here.table_names if "Warehouse" in name
        }
        stock, pickings = (
            next(name for id_, name in tables.items() if id_.startswith(logical))
            for logical in ("Stock", "Pickings")
        )
        db = client("dynamodb")
        handlers = MessageHandlers(
            Warehouse(stock_table=stock, pickings_table=pickings, dynamodb=db),
            bus=Bus("Bus", eventbridge=client("events")),
            now=lambda: NOW,
        )
        for queue in self._here.templates.all("AWS::SQS::Queue"):
            stack, _, id_ = queue.name.partition(".")
            for prefix, handle in WORKER_QUEUES.items():
                if stack.endswith("-Warehouse") and id_[:-8] == prefix:
                    _, wanted = self._source(queue.name)
                    worker = _Worker(self._here, getattr(handlers, handle))
                    yield Consumer(
                        name=f"workers.warehouse.{handle}",
                        kind=QUEUE,
                        source=queue.name,
                        wanted=wanted,
                        invoke=worker.invoke,
                    )


class _Worker:
    """A worker's loop with the queue that it reads; it answers as a mapped function does."""

    name, lease = "queue", 60

    def __init__(self, platform: InProcess, handle: Callable[[Message], None]) -> None:
        self._platform = platform
        self._messages: list[Message] = []
        self._returned: list[str] = []
        self._loop = WorkerLoop(self, handle, shutdown=Shutdown(grace=60))  # type: ignore[arg-type]

    def invoke(self, event: Any) -> Outcome:
        """Receive and handle a batch of messages."""
        self._returned = []
        self._messages = [
            Message(
                id=each["messageId"],
                body=each["body"],
                receipt="r",
                group=each["attributes"].get("MessageGroupId"),
            )
            for each in event["Records"]
        ]
        self._loop.poll()
        failed = [{"itemIdentifier": id_} for id_ in self._returned]
        return Outcome(payload={"batchItemFailures": failed})

    def receive(self) -> list[Message]:
        return self._messages

    def delete(self, messages: Sequence[Message]) -> list[Message]:
        return []

    def set_visibility(self, messages: Sequence[Message], *, seconds: int) -> list[Message]:
        self._returned += [message.id for message in messages]
        return []

    def dead_letter(self, message: Message, *, reason: str) -> None:
        attributes = {"reason": {"DataType": "String", "StringValue": reason}}
        request = {"MessageBody": message.body, "MessageAttributes": attributes, "id": message.id}
        self._platform.sent.append(("sqs", "send_message", request))
