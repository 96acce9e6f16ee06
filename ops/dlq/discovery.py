"""Find all failure sinks, and the routes into them, in the deployed templates.

Templates declare where failed work goes: redrive policies of queues and subscriptions, dead-letter
queues of rules, schedules and functions, failure destinations of functions and mappings. A function
or state machine that dead-letters by itself names the queue in its settings or its definition. So
no list of queues has to be maintained.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ops.dlq.failure_sinks import FailureRoute, FailureSink, Mechanism
from ops.dlq.templates import BUCKET, FUNCTION, MACHINE, MAPPING, QUEUE, Resource, Templates

DeclaredRoute = tuple[Mechanism, Any, Any, Mapping[str, Any]]
"""A mechanism, its target (None: the resource itself), its sink, and the target's settings."""


def find_failure_sinks(templates: Templates) -> Sequence[FailureSink]:
    """Return all failure sinks with their routes, sorted by name.

    A sink is a queue or bucket that a route leads to, or a queue without a consumer.
    """
    declared = list(_declared_routes(templates))
    consumed = {
        templates.first_reference(mapping.stack, mapping.properties["EventSourceArn"])
        for mapping in templates.resources(MAPPING)
    }
    unconsumed = {
        queue
        for queue in templates.resources(QUEUE)
        if "RedrivePolicy" not in queue.properties and queue not in consumed
    }
    declared_sinks = {sink for sink, _ in declared}
    sinks = {sink for sink in declared_sinks | unconsumed if sink.kind in (QUEUE, BUCKET)}
    declared += _consumer_routes(templates, sinks)
    declared += _saga_routes(templates, sinks)
    return [
        FailureSink(resource=sink, routes=[route for at, route in declared if at == sink])
        for sink in sorted(sinks, key=lambda sink: sink.name)
    ]


def _declared_routes(templates: Templates) -> Iterator[tuple[Resource, FailureRoute]]:
    subscribers = {
        templates.first_reference(each.stack, each.properties["TopicArn"]): (
            templates.first_reference(each.stack, each.properties["Endpoint"])
        )
        for each in templates.resources("AWS::SNS::Subscription")
        if each.properties["Protocol"] == "sqs"
    }
    for resource in templates.resources():
        for mechanism, target, sink_reference, target_config in _declared_routes_of(resource):
            sink = templates.first_reference(resource.stack, sink_reference)
            # A failure destination can be a topic with a queue.
            sink = subscribers.get(sink, sink)
            if sink is not None:
                route = FailureRoute(
                    mechanism=mechanism,
                    source=resource,
                    target=templates.first_reference(resource.stack, target)
                    if target
                    else resource,
                    target_config=target_config,
                )
                yield sink, route


def _consumer_routes(
    templates: Templates, sinks: set[Resource]
) -> Iterator[tuple[Resource, FailureRoute]]:
    """Yield a sink and a route for each function whose settings name the sink.

    The route's target is the queue that the function consumes, or else the function itself.
    """
    sources = {
        templates.first_reference(
            mapping.stack, mapping.properties["FunctionName"]
        ): templates.first_reference(mapping.stack, mapping.properties["EventSourceArn"])
        for mapping in templates.resources(MAPPING)
    }
    for function in templates.resources(FUNCTION):
        source = sources.get(function)
        target = source if source is not None and source.kind == QUEUE else function
        settings = function.properties.get("Environment", {})
        for sink in sinks.intersection(templates.references(function.stack, settings)):
            yield (
                sink,
                FailureRoute(mechanism=Mechanism.CONSUMER, source=function, target=target),
            )


def _saga_routes(
    templates: Templates, sinks: set[Resource]
) -> Iterator[tuple[Resource, FailureRoute]]:
    """Yield a sink and a route for each state machine whose definition names the sink."""
    functions = list(templates.resources(FUNCTION))
    for machine in templates.resources(MACHINE):
        definition = machine.properties.get("DefinitionString")
        route = FailureRoute(
            mechanism=Mechanism.SAGA, source=machine, target=None, others=functions
        )
        for sink in sinks.intersection(templates.references(machine.stack, definition)):
            yield sink, route


def _declared_routes_of(resource: Resource) -> Iterator[DeclaredRoute]:
    """Return the routes that a resource declares.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-template-resource-type-ref.html
    """
    own = resource.properties
    match resource.kind:
        case "AWS::SQS::Queue" if "RedrivePolicy" in own:
            yield Mechanism.REDRIVE_POLICY, None, own["RedrivePolicy"]["deadLetterTargetArn"], {}
        case "AWS::SNS::Subscription" if "RedrivePolicy" in own:
            sink_reference = own["RedrivePolicy"]["deadLetterTargetArn"]
            yield Mechanism.SUBSCRIPTION, own["Endpoint"], sink_reference, {}
        case "AWS::Events::Rule":
            for target_config in own.get("Targets", []):
                if "DeadLetterConfig" in target_config:
                    yield (
                        Mechanism.RULE,
                        target_config["Arn"],
                        target_config["DeadLetterConfig"]["Arn"],
                        target_config,
                    )
        case "AWS::Scheduler::Schedule" if "DeadLetterConfig" in own["Target"]:
            target_config = own["Target"]
            yield (
                Mechanism.SCHEDULE,
                target_config["Arn"],
                target_config["DeadLetterConfig"]["Arn"],
                target_config,
            )
        case "AWS::Lambda::EventInvokeConfig" | "AWS::Lambda::EventSourceMapping":
            sink_reference = (
                own.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
            )
            mapping = resource.kind == MAPPING
            if sink_reference:
                mechanism = Mechanism.STREAM_MAPPING if mapping else Mechanism.DESTINATION
                yield mechanism, own["FunctionName"], sink_reference, own if mapping else {}
        case "AWS::Lambda::Function" if "DeadLetterConfig" in own:
            yield Mechanism.FUNCTION_DLQ, None, own["DeadLetterConfig"]["TargetArn"], {}
