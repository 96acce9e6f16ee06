"""Makes the parts that the templates declare in a world, and connects them."""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial, reduce
from operator import getitem
from typing import TYPE_CHECKING, Any

from emulator.delivery_rules.retry_policies import Limits
from simulation.bus import Bus, Deliver, Event, Target, Topic
from simulation.functions import AsyncSettings, Done, Function, Outcome
from simulation.kinesis import Stream
from simulation.machines import Machine, update_item
from simulation.patterns import matches
from simulation.queues import LambdaConsumer, Queue
from simulation.streams import StreamMapping
from simulation.templates import Resource, Templates

if TYPE_CHECKING:
    from simulation.world import World

SERVICES = (
    "Backbone", "CardProvider", "Disputes", "Orders", "Purchasing", "Supplier", "Warehouse",
)  # fmt: skip
"""The stacks that are simulated, with those that a saga calls. Deliveries to others are dropped."""
FOLLOWERS = ("Catalog", "Notifications", "Storefront")
"""The stacks that no order waits for: a world without them is faster."""
NOT_RUN = ("backbone.scale_stream",)
"""Functions whose services are not simulated."""


class Wiring:
    """Makes and connects the parts of a world."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._kernel, self._chance = world.kernel, world.chance

    def wire(self, templates: Templates, *, followers: bool) -> None:
        """Make and connect all parts that the templates declare, or all but the followers'."""
        simulated = {*SERVICES, *_called_by_sagas(templates), *(FOLLOWERS if followers else ())}

        def all_of(kind: str) -> list[Resource]:
            return [r for r in templates.all(f"AWS::{kind}") if _stack(r.name) in simulated]

        tables = all_of("DynamoDB::GlobalTable")
        self._world.table_names = [table.name for table in tables]
        self._world.tables.create(tables)
        for resource in all_of("S3::Bucket"):
            self._world.buckets.create(resource.name)
        for resource in all_of("SQS::Queue"):
            self._add_queue(resource)
        for resource in all_of("SQS::Queue"):
            if redrive := resource.properties.get("RedrivePolicy"):
                queue = self._world.queues[resource.name]
                queue.dead_letters = self._world.queues[redrive["deadLetterTargetArn"]]
                queue.max_receives = int(redrive["maxReceiveCount"])
        for resource in all_of("Lambda::Function"):
            self._add_function(resource)
        for resource in all_of("Lambda::EventInvokeConfig"):
            self._configure(resource)
        for resource in all_of("StepFunctions::StateMachine"):
            self._add_machine(resource)
        for resource in all_of("SNS::Topic"):
            self._world.topics[resource.name] = Topic(self._kernel, self._chance)
        for resource in all_of("SNS::Subscription"):
            own = resource.properties
            if topic := self._world.topics.get(own["TopicArn"]):
                topic.subscribe(self._subscriber(own["Endpoint"]), own.get("FilterPolicy", {}))
        for resource in all_of("Kinesis::Stream") if followers else ():
            count = int(resource.properties["ShardCount"])
            self._world.kinesis[resource.name] = Stream(self._kernel, shards=count)
        for resource in all_of("Lambda::EventSourceMapping"):
            self._add_mapping(resource)
        for resource in all_of("Events::EventBus"):
            self._world.buses[resource.name] = Bus(
                self._kernel,
                self._chance,
                dead_letter=self._world.dead_letter,
                on_event=self._world.on_event,
            )
        for resource in all_of("Events::Rule"):
            self._add_rule(resource)
        for resource in all_of("Scheduler::Schedule"):
            self._add_schedule(resource)

    def _add_queue(self, resource: Resource) -> None:
        own = resource.properties
        self._world.queues[resource.name] = Queue(
            resource.name,
            self._kernel,
            self._chance,
            fifo=bool(own.get("FifoQueue")),
            visibility=float(own.get("VisibilityTimeout", 30)),
        )

    def _add_function(self, resource: Resource) -> None:
        own = resource.properties
        self._world.functions[resource.name] = Function(
            resource.name,
            handler=own["Handler"],
            settings={
                k: str(v) for k, v in own.get("Environment", {}).get("Variables", {}).items()
            },
            timeout=float(own.get("Timeout", 3)),
            kernel=self._kernel,
            chance=self._chance,
        )

    def _configure(self, resource: Resource) -> None:
        own = resource.properties
        destinations = own.get("DestinationConfig", {})
        self._world.functions[own["FunctionName"]].asynchronous = AsyncSettings(
            Limits(
                retries=own.get("MaximumRetryAttempts", 2),
                age=own.get("MaximumEventAgeInSeconds", 21_600),
            ),
            on_failure=destinations.get("OnFailure", {}).get("Destination", ""),
            on_success=destinations.get("OnSuccess", {}).get("Destination", ""),
        )

    def _add_machine(self, resource: Resource) -> None:
        own = resource.properties
        self._world.machines[resource.name] = Machine(
            resource.name,
            json.loads(own["DefinitionString"]),
            express=own.get("StateMachineType") == "EXPRESS",
            tasks={
                "arn:aws:states:::dynamodb:updateItem": update_item(self._world.tables),
                "arn:aws:states:::lambda:invoke": self._invoke_task,
                "arn:aws:states:::sqs:sendMessage": self._send_message,
            },
            kernel=self._kernel,
            chance=self._chance,
            note=self._world.journey.note,
        )

    def _invoke_task(self, arguments: Mapping[str, Any], done: Done) -> None:
        def named(outcome: Outcome) -> None:
            if not outcome.error:
                done(Outcome(payload={"Payload": outcome.payload}))
                return
            cause = {"errorType": outcome.error, "errorMessage": outcome.message}
            name = f"Lambda.{outcome.error}" if outcome.throttled else outcome.error
            done(Outcome(error=name, message=json.dumps(cause)))

        name = arguments["FunctionName"]
        if name in self._world.forbidden:
            # As the local cloud does, and AWS: "... is not authorized to perform: lambda:Invoke..."
            done(Outcome(error="Lambda.AWSLambdaException", message="not authorized"))
            return
        self._world.functions[name].invoke(arguments["Payload"], named)

    def _send_message(self, arguments: Mapping[str, Any], done: Done) -> None:
        self._world.queues[arguments["QueueUrl"]].send(arguments["MessageBody"])
        done(Outcome(payload={}))

    def _add_mapping(self, resource: Resource) -> None:
        own = resource.properties
        function, source = self._world.functions[own["FunctionName"]], own["EventSourceArn"]
        if source in self._world.queues:
            LambdaConsumer(self._world.queues[source], function, own, self._kernel)
            return
        filters = own.get("FilterCriteria", {}).get("Filters", [{"Pattern": "{}"}])
        patterns = [json.loads(each["Pattern"]) for each in filters]
        dead_letters = own["DestinationConfig"]["OnFailure"]["Destination"]

        def give_up(name: str, records: list[dict[str, Any]]) -> None:
            self._world.dead_letter(dead_letters, {"function": name, "records": records})

        mapping = StreamMapping(
            function,
            own,
            kernel=self._kernel,
            chance=self._chance,
            wanted=lambda record: any(matches(each, record) for each in patterns),
            give_up=give_up,
        )
        if stream := self._world.kinesis.get(source):
            stream.map(mapping)
            return
        mapping.open()
        self._world.streams.setdefault(source, []).append(mapping)

    def _subscriber(self, arn: str) -> Deliver:
        if function := self._world.functions.get(arn):
            invoke = partial(self._world.asynchronous.add, function)
            return lambda entry: invoke({"Records": [{"Sns": entry}]})
        queue = self._world.queues[arn]
        return lambda entry: queue.send(
            entry["Message"],
            group=entry.get("MessageGroupId", ""),
            deduplication=entry.get("MessageDeduplicationId", ""),
        )

    def _add_rule(self, resource: Resource) -> None:
        own = resource.properties
        for target in own["Targets"]:
            if deliver := self._delivery(target):
                limits = target["RetryPolicy"]
                self._world.buses[own["EventBusName"]].targets.append(
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
        if function := self._world.functions.get(arn):
            return lambda event: self._world.asynchronous.add(function, event)
        if machine := self._world.machines.get(arn):
            return lambda event: machine.start(event["detail"])
        if queue := self._world.queues.get(arn):
            return lambda event: queue.take(json.dumps(event))
        if stream := self._world.kinesis.get(arn):
            path = target["KinesisParameters"]["PartitionKeyPath"].split(".")[1:]
            return lambda event: stream.put(event, str(reduce(getitem, path, event)))
        return None

    def _add_schedule(self, resource: Resource) -> None:
        own = resource.properties
        function = self._world.functions[own["Target"]["Arn"]]
        if function.short in NOT_RUN:
            return
        event = json.loads(own["Target"].get("Input", "{}"))
        number, unit = own["ScheduleExpression"].removeprefix("rate(").rstrip(")").split()
        period = int(number) * {"m": 60, "h": 3600, "d": 86_400}[unit[0]]

        def tick() -> None:
            self._world.asynchronous.add(function, event)
            self._kernel.after(period * self._pace(), tick, background=True)

        self._kernel.after(self._chance.between("first tick", 0, period), tick, background=True)

    def _pace(self) -> float:
        """Return the factor by which a schedule's period is longer, which makes a run faster."""
        calm = self._kernel.now >= self._chance.calm_from
        return self._chance.between("tick", 10, 30) if calm else self._chance.between("tick", 2, 8)


def _called_by_sagas(templates: Templates) -> Iterator[str]:
    for machine in templates.all("AWS::StepFunctions::StateMachine"):
        for state in json.loads(machine.properties["DefinitionString"])["States"].values():
            if function := state.get("Arguments", {}).get("FunctionName"):
                yield _stack(function)


def _stack(name: str) -> str:
    return name.partition(".")[0].rpartition("-")[2]
