"""A run's world: everything that the templates of an environment wire, and one seed of chance."""

import json
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

from botocore.config import Config

from emulator.delivery_rules.retry_policies import Limits
from simulation.bus import Bus, Event, Target, Topic
from simulation.chance import Chance
from simulation.functions import AsyncQueue, AsyncSettings, Done, Function, Outcome
from simulation.journey import Journey
from simulation.kernel import Kernel
from simulation.ledger import Ledger
from simulation.machines import Machine
from simulation.patterns import matches
from simulation.queues import LambdaConsumer, Queue
from simulation.requests import Network, Reply, client_error
from simulation.seams import installed
from simulation.streams import StreamMapping
from simulation.tables import Change, Tables
from simulation.templates import Resource, Templates

START = datetime(2030, 1, 1, tzinfo=UTC)
SERVICES = (
    "Backbone", "CardProvider", "Disputes", "Inventory", "Orders", "Payments", "Purchasing",
    "Shipping", "Supplier", "Warehouse",
)  # fmt: skip
"""The stacks that take part. What the bus sends to others leaves the world."""
NOT_RUN = ("backbone.scale_stream",)
"""Functions whose services are not simulated."""


class World:
    """The platform of one run."""

    def __init__(self, templates: Templates, seed: int, *, without: Container[str] = ()) -> None:
        """``without`` are the ids of faults that are left out."""
        self.kernel = Kernel(START)
        self.chance = Chance(seed, self.kernel, without=without)
        self.journey = Journey(lambda: self.kernel.now)
        self.chance.on_fault = lambda fault: self.journey.note(
            "", f"FAULT {fault.kind}: {fault.where}"
        )
        self.start = self.kernel.now
        self.checks: list[Callable[[Sequence[Change]], None]] = []
        """What must hold after every change."""
        self.event_checks: list[Callable[[Event], None]] = []
        """What must hold for every event that the bus takes."""
        self.outages: list[tuple[str, float, float]] = []
        """Services or tables that are out of order, from and until when."""
        self.functions: dict[str, Function] = {}
        self.machines: dict[str, Machine] = {}
        self.queues: dict[str, Queue] = {}
        self.operations = Counter[str]()
        self._streams: dict[str, list[StreamMapping]] = {}
        self._topics: dict[str, Topic] = {}
        self._network = Network(self.kernel, self.chance, self._is_out)
        self.tables = Tables(self.kernel, self.chance)
        self.tables.on_changes = self._on_changes
        self.ledger = Ledger(self.kernel, self.chance)
        self.asynchronous = AsyncQueue(self.kernel, self.chance, self.dead_letter)
        self._buses: dict[str, Bus] = {}
        self._wire(templates)

    def installed(self) -> AbstractContextManager[None]:
        """Let the platform's code reach this world, and no other, until the end."""
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
        """End every process, so that none is left for the collector to end."""
        self.kernel.close()

    def log(self, line: str) -> None:
        """Take a line of a function's log into the journeys."""
        self.journey.log(line)

    def perform(self, service: str, operation: str, request: Mapping[str, Any]) -> Any:
        """Carry a request out at once; return the answer, or an exception."""
        match service, operation:
            case "dynamodb", _:
                answer = self.tables.perform(operation, request)
            case "events", "put_events":
                answer = self._buses[request["Entries"][0]["EventBusName"]].put(request["Entries"])
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
                topic = self._topics[request["TopicArn"]]
                answer = topic.publish_batch(request["PublishBatchRequestEntries"])
            case _:
                raise ValueError(f"{service}.{operation} is not simulated")
        return answer

    def dead_letter(self, queue: str, content: Mapping[str, Any]) -> None:
        """Send a failure's record to its destination."""
        self.queues[queue].send(json.dumps(content))

    def function(self, short: str) -> Function:
        """Return the function of a handler, such as ``orders.place_order``."""
        return next(f for f in self.functions.values() if f.short == short)

    def table(self, stack: str, logical: str) -> str:
        """Return the name of a table by the beginning of its logical id."""
        return next(name for name in self._table_names if f"-{stack}.{logical}" in name)

    def queue(self, stack: str, logical: str) -> Queue:
        """Return a queue by the beginning of its logical id."""
        return next(q for name, q in self.queues.items() if f"-{stack}.{logical}" in name)

    def bus(self, stack: str) -> Bus:
        """Return the event bus of a stack."""
        return next(bus for name, bus in self._buses.items() if f"-{stack}." in name)

    @property
    def bus_names(self) -> Iterable[str]:
        """The names of the event buses."""
        return self._buses

    def targets(self) -> Iterator[Target]:
        """Yield the targets of all rules."""
        for bus in self._buses.values():
            yield from bus.targets

    def delivered(self, sku: str, first: Mapping[str, int]) -> int:
        """Return how many units were ever delivered, those of purchase orders included."""
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
            for mapping in self._streams.get(change.table, ()):
                mapping.add(change)
        for check in self.checks:
            check(changes)

    # What the templates wire

    def _wire(self, templates: Templates) -> None:
        def all_of(kind: str) -> list[Resource]:
            return [r for r in templates.all(f"AWS::{kind}") if _stack(r.name) in SERVICES]

        tables = all_of("DynamoDB::GlobalTable")
        self._table_names = [table.name for table in tables]
        self.tables.create(tables)
        for resource in all_of("SQS::Queue"):
            self._add_queue(resource)
        for resource in all_of("SQS::Queue"):
            if redrive := resource.properties.get("RedrivePolicy"):
                queue = self.queues[resource.name]
                queue.dead_letters = self.queues[redrive["deadLetterTargetArn"]]
                queue.max_receives = int(redrive["maxReceiveCount"])
        for resource in all_of("Lambda::Function"):
            self._add_function(resource)
        for resource in all_of("Lambda::EventInvokeConfig"):
            self._configure(resource)
        for resource in all_of("StepFunctions::StateMachine"):
            self._add_machine(resource)
        for resource in all_of("SNS::Topic"):
            self._topics[resource.name] = Topic(self.kernel, self.chance)
        for resource in all_of("SNS::Subscription"):
            own = resource.properties
            if own["TopicArn"] in self._topics:
                queue = self.queues[own["Endpoint"]]
                self._topics[own["TopicArn"]].subscribe(queue, own["FilterPolicy"])
        for resource in all_of("Lambda::EventSourceMapping"):
            self._add_mapping(resource)
        for resource in all_of("Events::EventBus"):
            self._buses[resource.name] = Bus(
                self.kernel,
                self.chance,
                dead_letter=self.dead_letter,
                on_event=self._on_event,
            )
        for resource in all_of("Events::Rule"):
            self._add_rule(resource)
        for resource in all_of("Scheduler::Schedule"):
            self._add_schedule(resource)

    def _on_event(self, event: Event) -> None:
        self.journey.event(event)
        for check in self.event_checks:
            check(event)

    def _add_queue(self, resource: Resource) -> None:
        own = resource.properties
        self.queues[resource.name] = Queue(
            resource.name,
            self.kernel,
            self.chance,
            fifo=bool(own.get("FifoQueue")),
            visibility=float(own.get("VisibilityTimeout", 30)),
        )

    def _add_function(self, resource: Resource) -> None:
        own = resource.properties
        self.functions[resource.name] = Function(
            resource.name,
            handler=own["Handler"],
            settings={
                k: str(v) for k, v in own.get("Environment", {}).get("Variables", {}).items()
            },
            timeout=float(own.get("Timeout", 3)),
            kernel=self.kernel,
            chance=self.chance,
        )

    def _configure(self, resource: Resource) -> None:
        own = resource.properties
        destinations = own.get("DestinationConfig", {})
        self.functions[own["FunctionName"]].asynchronous = AsyncSettings(
            Limits(
                retries=own.get("MaximumRetryAttempts", 2),
                age=own.get("MaximumEventAgeInSeconds", 21_600),
            ),
            on_failure=destinations.get("OnFailure", {}).get("Destination", ""),
            on_success="",
        )

    def _add_machine(self, resource: Resource) -> None:
        own = resource.properties
        self.machines[resource.name] = Machine(
            resource.name,
            json.loads(own["DefinitionString"]),
            express=own.get("StateMachineType") == "EXPRESS",
            tasks={
                "arn:aws:states:::dynamodb:updateItem": self._update_item,
                "arn:aws:states:::lambda:invoke": self._invoke_task,
                "arn:aws:states:::sqs:sendMessage": self._send_message,
            },
            kernel=self.kernel,
            chance=self.chance,
            note=self.journey.note,
        )

    def _update_item(self, arguments: Mapping[str, Any], done: Done) -> None:
        answer = self.tables.perform("update_item", arguments)
        if isinstance(answer, Exception):
            code = answer.response["Error"]["Code"]  # type: ignore[attr-defined]
            done(Outcome(error=f"DynamoDB.{code}"))
        else:
            done(Outcome(payload=answer))

    def _invoke_task(self, arguments: Mapping[str, Any], done: Done) -> None:
        def named(outcome: Outcome) -> None:
            if not outcome.error:
                done(Outcome(payload={"Payload": outcome.payload}))
                return
            cause = {"errorType": outcome.error, "errorMessage": outcome.message}
            name = f"Lambda.{outcome.error}" if outcome.throttled else outcome.error
            done(Outcome(error=name, message=json.dumps(cause)))

        self.functions[arguments["FunctionName"]].invoke(arguments["Payload"], named)

    def _send_message(self, arguments: Mapping[str, Any], done: Done) -> None:
        self.queues[arguments["QueueUrl"]].send(arguments["MessageBody"])
        done(Outcome(payload={}))

    def _add_mapping(self, resource: Resource) -> None:
        own = resource.properties
        function, source = self.functions[own["FunctionName"]], own["EventSourceArn"]
        if source in self.queues:
            LambdaConsumer(self.queues[source], function, own, self.kernel)
            return
        filters = [json.loads(f["Pattern"]) for f in own["FilterCriteria"]["Filters"]]
        dead_letters = own["DestinationConfig"]["OnFailure"]["Destination"]

        def give_up(name: str, records: list[dict[str, Any]]) -> None:
            self.dead_letter(dead_letters, {"function": name, "records": records})

        mapping = StreamMapping(
            function,
            own,
            kernel=self.kernel,
            chance=self.chance,
            wanted=lambda record: any(matches(each, record) for each in filters),
            give_up=give_up,
        )
        self._streams.setdefault(source, []).append(mapping)

    def _add_rule(self, resource: Resource) -> None:
        own = resource.properties
        for target in own["Targets"]:
            if deliver := self._delivery(target):
                limits = target["RetryPolicy"]
                self._buses[own["EventBusName"]].targets.append(
                    Target(
                        rule=f"{resource.name}/{target['Id']}",
                        short=resource.name.partition(".")[2].partition("Rule")[0],
                        pattern=own["EventPattern"],
                        deliver=deliver,
                        limits=Limits(
                            retries=limits["MaximumRetryAttempts"],
                            age=limits["MaximumEventAgeInSeconds"],
                        ),
                        undelivered=target["DeadLetterConfig"]["Arn"],
                    )
                )

    def _delivery(self, target: Mapping[str, Any]) -> Callable[[Event], None] | None:
        arn = target["Arn"]
        if function := self.functions.get(arn):
            return lambda event: self.asynchronous.add(function, event)
        if machine := self.machines.get(arn):
            return lambda event: machine.start(event["detail"])
        if queue := self.queues.get(arn):
            return lambda event: queue.take(json.dumps(event))
        return None

    def _add_schedule(self, resource: Resource) -> None:
        own = resource.properties
        function = self.functions[own["Target"]["Arn"]]
        if function.short in NOT_RUN:
            return
        number, unit = own["ScheduleExpression"].removeprefix("rate(").rstrip(")").split()
        period = int(number) * {"m": 60, "h": 3600, "d": 86_400}[unit[0]]

        def tick() -> None:
            self.asynchronous.add(function, {})
            self.kernel.after(period * self.pace(), tick, background=True)

        self.kernel.after(self.chance.between("first tick", 0, period), tick, background=True)

    def pace(self) -> float:
        """How many times its period a schedule waits: fewer runs make a run of the world faster."""
        calm = self.kernel.now >= self.chance.calm_from
        return self.chance.between("tick", 10, 30) if calm else self.chance.between("tick", 2, 8)


def _stack(name: str) -> str:
    return name.partition(".")[0].rpartition("-")[2]


def _about(request: Mapping[str, Any]) -> str:
    """Return what a request is about: a table, a function, a queue."""
    for field in ("TableName", "FunctionName", "QueueUrl", "TopicArn"):
        if field in request:
            return str(request[field])
    if "TransactItems" in request:
        return str(next(iter(request["TransactItems"][0].values()))["TableName"])
    return str(next(iter(request.get("RequestItems", {"": 0}))))
