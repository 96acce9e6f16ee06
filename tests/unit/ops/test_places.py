"""Every place that can hold failed work is found, with who parks there and the way back."""

from collections.abc import Iterator

import pytest

from ops.places import BUCKET, QUEUE, How, Place, Resource, Stack, Templates
from ops.records import decode
from ops.redriving import Action, Repair, plan
from stacks.environments import ENVIRONMENTS
from tests.templates.synthesis import platform
from tests.unit.ops.parking import EVENT, parked_by, place, places

PLACES = [
    pytest.param(place, id=f"{name}-{place.name}")
    for name in ENVIRONMENTS
    for place in places(name)
]
FAILED_WORK = {"DeadLetterConfig", "RedrivePolicy", "OnFailure", "DEAD_LETTER_QUEUE_URL"}


def queues(environment: str) -> set[str]:
    """All queues from which nothing but a person takes anything."""
    return {
        f"{stack.rpartition('-')[2].lower()}/{id[:-8]}"
        for stack, template in platform(environment).templates.items()
        for id, resource in template["Resources"].items()
        if resource["Type"] == QUEUE and "RedrivePolicy" not in resource.get("Properties", {})
    }


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_all_places_are_found(environment: str):
    found = {each.name for each in places(environment)}

    assert found - queues(environment) == {"storefront/GivenUp"}
    assert queues(environment) - found == set()


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_whatever_a_template_says_of_failed_work_leads_to_a_place(environment: str):
    """Read without knowing which resources have what: no new kind of edge is overlooked."""
    for stack, template in platform(environment).templates.items():
        resources = template["Resources"]
        known = {each.resource.id for each in places(environment) if each.resource.stack == stack}
        named = {id for words, id in references(resources) if words & FAILED_WORK}
        kinds = {id: resources[id]["Type"] for id in named}
        assert {id for id in named if kinds[id] in (QUEUE, BUCKET)} <= known, stack


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


@pytest.mark.parametrize("place", PLACES)
def test_each_is_fed_and_each_feed_has_a_way_back(place: Place):
    assert place.feeds

    for feed in place.feeds:
        record = decode(parked_by(feed, place), place)
        assert record.how is feed.how, feed
        assert isinstance(plan(record, place), Action)


def test_what_is_handed_over_goes_to_who_failed():
    def ways(name: str) -> set[tuple[str, str]]:
        return {(feed.how.name, str(feed.to)) for feed in place(name).feeds}

    assert ways("orders/StartFulfilmentRuleUndelivered") == {("RULE", "orders/FulfilmentMachine")}
    assert ways("backbone/ToOrderStreamRuleUndelivered") == {("RULE", "backbone/OrderStream")}
    assert ways("backbone/CatchAllUndelivered") == {("RULE", "backbone/EventLog")}
    assert ways("orders/AlertOrderNeedsAttentionRuleUndelivered") == {("RULE", "operations/Topic")}
    assert ways("shipping/OnPickedDeadLetters") == {("DESTINATION", "shipping/DispatchShipment")}
    assert ways("orders/JobsRepublishStalledScheduleDeadLetters") == {
        ("DESTINATION", "orders/JobsRepublishStalled"),
        ("SCHEDULE", "orders/JobsRepublishStalled"),
    }
    assert ways("shipping/OutboxDeadLetters") == {
        ("MAPPING", "shipping/RelayOutbox"),
        ("ITSELF", "shipping/RelayOutbox"),
    }
    assert ways("purchasing/LowStockDeadLetters") == {
        ("QUEUE", "purchasing/LowStockQueue"),
        ("ITSELF", "purchasing/LowStockQueue"),
    }
    assert ways("purchasing/LowStockUndelivered") == {
        ("SUBSCRIPTION", "purchasing/LowStockQueue")
    }
    assert ways("orders/Repair") == {("SAGA", "None")}
    assert len(place("orders/Repair").fed(How.SAGA)) == 2


def test_of_several_feeds_it_is_the_one_that_parked_it():
    bucket = place("storefront/GivenUp")

    for feed in bucket.feeds:
        assert plan(decode(parked_by(feed, bucket), bucket), bucket).to == feed.to


@pytest.mark.parametrize("machine", ["FulfilmentMachine", "WithdrawalMachine"])
def test_a_repair_is_of_the_saga_that_parked_it(machine: str):
    repair = place("orders/Repair")
    (feed,) = (feed for feed in repair.feeds if feed.source.name == f"orders/{machine}")

    action = plan(decode(parked_by(feed, repair), repair), repair)

    assert isinstance(action, Repair)
    assert action.to == feed.source


def test_a_receiver_that_was_replaced_is_the_one_of_today():
    failed = place("shipping/OnPickedDeadLetters")
    feed = failed.feed(How.DESTINATION, "arn:aws:lambda:eu-west-1:1:function:of-yesterday")

    assert feed == failed.feeds[0]


def test_what_no_template_of_ours_declares_yet_is_known_too():
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
    dead, destination = Templates({"Orders-Dev-New": Stack({"Resources": template}, {})}).places()

    assert [(feed.how, str(feed.to)) for feed in dead.feeds] == [(How.DEAD_LETTERS, "new/Function")]
    assert [(feed.how, str(feed.to)) for feed in destination.feeds] == [
        (How.DESTINATION, "new/Function")
    ]
    for each in (dead, destination):
        action = plan(decode(parked_by(each.feeds[0], each), each), each)
        assert (str(action), getattr(action, "payload", None)) == ("call new/Function", EVENT)


def test_a_queue_that_nobody_empties_is_a_place_though_nothing_is_known_to_feed_it():
    declared = {"Lonely12345678": {"Type": QUEUE}}
    templates = Templates({"Orders-Dev-New": Stack({"Resources": declared}, {})})

    assert [(each.name, each.feeds) for each in templates.places()] == [("new/Lonely", [])]


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
def test_an_arn_is_known_by_its_end(physical: str, arn: str, known: bool):
    resource = Resource(stack="s", id="r", kind="k", physical=physical)

    assert resource.known_as(arn) is known
