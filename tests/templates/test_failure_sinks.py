"""Every failure sink in the templates is found, with its routes and their redrives."""

from collections.abc import Iterator

import pytest

from ops.dlq.decode import decode
from ops.dlq.discovery import find_failure_sinks
from ops.dlq.failure_sinks import FailureSink, Mechanism
from ops.dlq.plan import Action, Repair, plan_redrive
from ops.dlq.templates import BUCKET, QUEUE, DeployedStack, Resource, Templates
from stacks.environments import ENVIRONMENTS
from tests.templates.synthesis import platform
from tests.unit.ops.dead_letter_samples import EVENT, dead_lettered_by, sink, sinks

PLACES = [
    pytest.param(sink, id=f"{name}-{sink.name}") for name in ENVIRONMENTS for sink in sinks(name)
]
FAILED_WORK = {"DeadLetterConfig", "RedrivePolicy", "OnFailure", "DEAD_LETTER_QUEUE_URL"}
UPDATE = "sinks are read from the snapshots: pytest tests/templates --snapshot-update"


def queues(environment: str) -> set[str]:
    """All queues from which nothing but a person takes anything."""
    return {
        f"{stack.rpartition('-')[2].lower()}/{id[:-8]}"
        for stack, template in platform(environment).templates.items()
        for id, resource in template["Resources"].items()
        if resource["Type"] == QUEUE and "RedrivePolicy" not in resource.get("Properties", {})
    }


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_failure_sink_is_found(environment: str):
    found = {each.name for each in sinks(environment)}

    assert found - queues(environment) == {"storefront/ProjectionDeadLetters"}, UPDATE
    assert queues(environment) - found == set(), UPDATE


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_failure_target_in_a_template_is_a_sink(environment: str):
    """Read without knowing which resources have what: no new kind of edge is overlooked."""
    for stack, template in platform(environment).templates.items():
        resources = template["Resources"]
        known = {each.resource.id for each in sinks(environment) if each.resource.stack == stack}
        named = {id for words, id in references(resources) if words & FAILED_WORK}
        kinds = {id: resources[id]["Type"] for id in named}
        assert {id for id in named if kinds[id] in (QUEUE, BUCKET)} <= known, UPDATE


def references(value: object, *words: str) -> Iterator[tuple[set[str], str]]:
    """The logical ids that a template refers to, and the names under which it does."""
    match value:
        case {"Fn::GetAtt": [str(id), *_]} | {"Ref": str(id)}:
            if not id.startswith("AWS::"):
                yield {*words}, id
        case dict():
            for name, inner in value.items():
                yield from references(inner, *words, name)
        case list():
            for inner in value:
                yield from references(inner, *words)


@pytest.mark.parametrize("sink", PLACES)
def test_every_sink_has_routes_and_every_route_has_a_redrive(sink: FailureSink):
    assert sink.routes

    for route in sink.routes:
        record = decode(dead_lettered_by(route, sink), sink)
        assert record.mechanism is route.mechanism, route
        assert isinstance(plan_redrive(record, sink), Action)


def test_redrive_targets_the_failed_resource():
    def ways(name: str) -> set[tuple[str, str]]:
        return {(route.mechanism.name, str(route.target)) for route in sink(name).routes}

    assert ways("orders/StartFulfilmentRuleUndelivered") == {("RULE", "orders/FulfilmentMachine")}
    assert ways("backbone/ToOrderStreamRuleUndelivered") == {("RULE", "backbone/OrderStream")}
    assert ways("backbone/CatchAllUndelivered") == {("RULE", "backbone/EventLog")}
    assert ways("orders/AlertOrderNeedsAttentionRuleUndelivered") == {("RULE", "operations/Topic")}
    assert ways("shipping/DispatchShipmentDeadLetters") == {
        ("DESTINATION", "shipping/DispatchShipment")
    }
    assert ways("orders/JobsRepublishStalledDeadLetters") == {
        ("DESTINATION", "orders/JobsRepublishStalled"),
        ("SCHEDULE", "orders/JobsRepublishStalled"),
    }
    assert ways("shipping/OutboxDeadLetters") == {
        ("STREAM_MAPPING", "shipping/RelayOutbox"),
        ("CONSUMER", "shipping/RelayOutbox"),
    }
    assert ways("storefront/AvailabilitySubscriberDeadLetters") == {
        ("REDRIVE_POLICY", "storefront/AvailabilitySubscriberQueue"),
        ("CONSUMER", "storefront/AvailabilitySubscriberQueue"),
    }
    assert ways("storefront/AvailabilitySubscriberUndelivered") == {
        ("SUBSCRIPTION", "storefront/AvailabilitySubscriberQueue")
    }
    assert ways("orders/Repair") == {("SAGA", "None")}
    assert len(sink("orders/Repair").routes_by(Mechanism.SAGA)) == 2


def test_route_is_the_one_that_dead_lettered():
    bucket = sink("storefront/ProjectionDeadLetters")

    for route in bucket.routes:
        assert (
            plan_redrive(decode(dead_lettered_by(route, bucket), bucket), bucket).target
            == route.target
        )


@pytest.mark.parametrize("machine", ["FulfilmentMachine", "WithdrawalMachine"])
def test_repair_belongs_to_the_saga_that_dead_lettered(machine: str):
    repair = sink("orders/Repair")
    (route,) = (route for route in repair.routes if route.source.name == f"orders/{machine}")

    action = plan_redrive(decode(dead_lettered_by(route, repair), repair), repair)

    assert isinstance(action, Repair)
    assert action.target == route.source


def test_replaced_target_is_the_current_one():
    failed = sink("shipping/DispatchShipmentDeadLetters")
    route = failed.find_route(
        Mechanism.DESTINATION, "arn:aws:lambda:eu-west-1:1:function:of-yesterday"
    )

    assert route == failed.routes[0]


def test_mechanisms_that_no_template_uses_yet_are_known():
    def arn(id: str) -> dict[str, list[str]]:
        return {"Fn::GetAtt": [f"{id}12345678", "Arn"]}

    failing = {"DeadLetterConfig": {"TargetArn": arn("Dead")}}
    failed = {"DestinationConfig": {"OnFailure": {"Destination": arn("Failed")}}}
    template = {
        "Dead12345678": {"Type": QUEUE},
        "Failed12345678": {"Type": BUCKET},
        "Function12345678": {"Type": "AWS::Lambda::Function", "Properties": failing},
        "Config12345678": {
            "Type": "AWS::Lambda::EventInvokeConfig",
            "Properties": {"FunctionName": {"Ref": "Function12345678"}, **failed},
        },
    }
    dead, destination = find_failure_sinks(
        Templates({"Orders-Dev-New": DeployedStack({"Resources": template}, {})})
    )

    assert [(route.mechanism, str(route.target)) for route in dead.routes] == [
        (Mechanism.FUNCTION_DLQ, "new/Function")
    ]
    assert [(route.mechanism, str(route.target)) for route in destination.routes] == [
        (Mechanism.DESTINATION, "new/Function")
    ]
    for each in (dead, destination):
        action = plan_redrive(decode(dead_lettered_by(each.routes[0], each), each), each)
        assert (str(action), getattr(action, "payload", None)) == ("invoke new/Function", EVENT)


def test_unconsumed_queue_without_routes_is_a_sink():
    declared = {"Lonely12345678": {"Type": QUEUE}}
    templates = Templates({"Orders-Dev-New": DeployedStack({"Resources": declared}, {})})

    assert [(each.name, each.routes) for each in find_failure_sinks(templates)] == [
        ("new/Lonely", [])
    ]


@pytest.mark.parametrize(
    ("physical", "arn", "known"),
    [
        ("f-1", "arn:aws:lambda:eu-west-1:1:function:f-1:$LATEST", True),
        ("f-1", "arn:aws:lambda:eu-west-1:1:function:f-12", False),
        ("https://sqs.eu-west-1.amazonaws.com/1/q.fifo", "arn:aws:sqs:eu-west-1:1:q.fifo", True),
        ("Orders|r", "arn:aws:events:eu-west-1:1:rule/Orders/r", True),
        ("", "", False),
    ],
)
def test_resource_matches_an_arn_by_its_last_part(physical: str, arn: str, known: bool):
    resource = Resource(stack="s", id="r", kind="k", physical=physical)

    assert resource.matches_arn(arn) is known
