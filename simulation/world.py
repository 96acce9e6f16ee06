"""The world of a run: all parts of the platform's templates, and the chance of one seed."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from io import BytesIO
from typing import Any

from botocore.config import Config

from simulation.buckets import Buckets
from simulation.bus import Bus, Event, Target, Topic
from simulation.chance import Chance
from simulation.functions import AsyncQueue, Function, Outcome
from simulation.journey import Journey
from simulation.kinesis import Stream
from simulation.ledger import Ledger
from simulation.machines import Machine
from simulation.mail import MailService
from simulation.queues import Queue
from simulation.requests import Network, Reply, client_error
from simulation.seams import installed
from simulation.streams import StreamMapping
from simulation.tables import Change, Tables
from simulation.templates import Templates
from simulation.wiring import Wiring


class World:
    """The platform of one run."""

    def __init__(self, templates: Templates, chance: Chance, *, followers: bool = False) -> None:
        """``chance`` makes the decisions of the run, and has its clock.

        ``followers`` is whether it has the services that only follow what happens to orders.
        """
        self.kernel = chance.kernel
        self.chance = chance
        self.journey = Journey(lambda: self.kernel.now)
        self.chance.on_fault = lambda fault: self.journey.note(
            "", f"FAULT {fault.kind}: {fault.where}"
        )
        self.start = self.kernel.now
        self.checks: list[Callable[[Sequence[Change]], None]] = []
        """The checks to make after every change."""
        self.event_checks: list[Callable[[Event], None]] = []
        """The checks to make for every event that the bus accepts."""
        self.log_checks: list[Callable[[str], None]] = []
        """The checks to make of every line of a function's log."""
        self.outages: list[tuple[str, float, float]] = []
        """Outages: services or tables, from when until when."""
        self.functions: dict[str, Function] = {}
        self.machines: dict[str, Machine] = {}
        self.forbidden: set[str] = set()
        """The functions that sagas may not call."""
        self.queues: dict[str, Queue] = {}
        self.table_names: Sequence[str] = ()
        self.operations = Counter[str]()
        self.streams: dict[str, list[StreamMapping]] = {}
        self.kinesis: dict[str, Stream] = {}
        self.topics: dict[str, Topic] = {}
        self._network = Network(self.kernel, self.chance, self._is_out)
        self.tables = Tables(self.kernel, self.chance)
        self.tables.on_changes = self._on_changes
        self.ledger = Ledger(self.kernel, self.chance)
        self.buckets = Buckets(self.chance)
        self._stored = 0
        self.mail = MailService(self.kernel)
        self.asynchronous = AsyncQueue(self.kernel, self.chance, self.send_record)
        self.buses: dict[str, Bus] = {}
        Wiring(self).wire(templates, followers=followers)

    def installed(self) -> AbstractContextManager[None]:
        """Make the platform's code use this world for as long as the context lasts."""
        return installed(self, self.chance.draw)

    def call(self, service: str, operation: str, request: dict[str, Any], config: Config) -> Any:
        """Make a request as boto3 does; return the answer or raise."""
        if operation == "query" and self.tables.is_empty(request):
            return {"Items": [], "Count": 0}
        about = _about(request)
        self.operations[f"{service}.{operation}"] += 1

        def perform(reply: Reply) -> None:
            if service == "lambda":
                self._invoke(request, reply)
                return
            reply(self.perform(service, operation, request))

        return self._network.call(service, operation, perform, config=config, about=about)

    def connect(self, **options: Any) -> Any:
        """Open a connection to the ledger's database."""
        return self.ledger.connect(**options)

    def close(self) -> None:
        """Kill every process, so that the garbage collector does not have to."""
        self.kernel.close()

    def log(self, line: str) -> None:
        """Add a line of a function's log to the journeys, and check it."""
        self.journey.log(line)
        for check in self.log_checks:
            check(line)

    def perform(self, service: str, operation: str, request: Mapping[str, Any]) -> Any:
        """Execute a request at once; return the answer, or an exception."""
        match service, operation:
            case "dynamodb", _:
                answer = self.tables.perform(operation, request)
            case "events", "put_events":
                answer = self.buses[request["Entries"][0]["EventBusName"]].put(request["Entries"])
            case "sqs", "send_message":
                queue = self.queues[request["QueueUrl"]]
                answer = {
                    "MessageId": queue.send(
                        request["MessageBody"],
                        group=request.get("MessageGroupId", ""),
                        deduplication=request.get("MessageDeduplicationId", ""),
                        attributes=request.get("MessageAttributes"),
                    )
                }
            case "sns", "publish_batch":
                topic = self.topics[request["TopicArn"]]
                answer = topic.publish_batch(request["PublishBatchRequestEntries"])
            case "s3", _:
                answer = self.buckets.perform(operation, request)
            case "sesv2", "send_email":
                answer = self.mail.send_email(request)
            case _:
                raise ValueError(f"{service}.{operation} is not simulated")
        return answer

    def dead_letter(self, destination: str, content: Mapping[str, Any]) -> None:
        """Send a record of a failure to a queue, or store it in a bucket."""
        if destination in self.buckets:
            self._stored += 1
            self.buckets[destination][f"{self._stored:06}"] = json.dumps(content).encode()
        else:
            self.queues[destination].send(json.dumps(content))

    def send_record(self, destination: str, record: Mapping[str, Any]) -> None:
        """Send the record of an asynchronous invocation to its destination."""
        if function := self.functions.get(destination):
            self.asynchronous.add(function, record)
        elif topic := self.topics.get(destination):
            topic.publish(json.dumps(record))
        elif bus := self.buses.get(destination):
            kind = f"Lambda Function Invocation Result - {record['condition']}"
            bus.publish({"Source": "lambda", "DetailType": kind, "Detail": json.dumps(record)})
        else:
            self.dead_letter(destination, record)

    def failed_batches(self) -> Iterator[dict[str, bytes]]:
        """Yield the buckets in which mappings store what they gave up."""
        yield from (self.buckets[name] for name in self.buckets.names() if "DeadLetters" in name)

    def function(self, short: str) -> Function:
        """Return the function of a handler's module, such as ``orders.place_order``."""
        return next(f for f in self.functions.values() if f.short == short)

    def table(self, stack: str, logical: str) -> str:
        """Return the name of the stack's table whose logical id begins with ``logical``."""
        return next(name for name in self.table_names if f"-{stack}.{logical}" in name)

    def queue(self, stack: str, logical: str) -> Queue:
        """Return the stack's queue whose logical id begins with ``logical``."""
        return next(q for name, q in self.queues.items() if f"-{stack}.{logical}" in name)

    def bus(self, stack: str) -> Bus:
        """Return the event bus of a stack."""
        return next(bus for name, bus in self.buses.items() if f"-{stack}." in name)

    def targets(self) -> Iterator[Target]:
        """Yield the targets of all rules."""
        for bus in self.buses.values():
            yield from bus.targets

    def delivered(self, sku: str, first: Mapping[str, int]) -> int:
        """Return how many units were delivered so far, those of purchase orders included."""
        more = sum(
            line["quantity"]
            for row in self.tables.rows(self.table("Inventory", "Deliveries"))
            for line in row["lines"]
            if line["sku"] == sku and row["delivery_id"] != "first"
        )
        return first[sku] + int(more)

    def _is_out(self, service: str) -> bool:
        now = self.kernel.now
        return any(out in service and since <= now < until for out, since, until in self.outages)

    def _invoke(self, request: Mapping[str, Any], reply: Reply) -> None:
        def done(outcome: Outcome) -> None:
            if outcome.throttled:
                reply(client_error("lambda", outcome.error, "invoke"))
                return
            body = {"errorType": outcome.error, "errorMessage": outcome.message}
            payload = body if outcome.error else outcome.payload
            answer: dict[str, Any] = {"Payload": BytesIO(json.dumps(payload).encode())}
            reply(answer | ({"FunctionError": "Unhandled"} if outcome.error else {}))

        self.functions[request["FunctionName"]].invoke(json.loads(request["Payload"]), done)

    def _on_changes(self, changes: Sequence[Change]) -> None:
        for change in changes:
            for mapping in self.streams.get(change.table, ()):
                mapping.add(change)
        for check in self.checks:
            check(changes)

    def on_event(self, event: Event) -> None:
        """Add an event that a bus accepted to the journeys, and check it."""
        self.journey.event(event)
        for check in self.event_checks:
            check(event)


def _about(request: Mapping[str, Any]) -> str:
    """Return the target of a request: a table, a function, a queue."""
    for field in ("TableName", "FunctionName", "QueueUrl", "TopicArn", "Bucket"):
        if field in request:
            return str(request[field])
    if "TransactItems" in request:
        return str(next(iter(request["TransactItems"][0].values()))["TableName"])
    return str(next(iter(request.get("RequestItems", {"": 0}))))
