"""What an update does to what is deployed, as two sets of templates show."""

from typing import Any

import pytest

from ops.changes.compare import Change, Effect, compare
from ops.changes.templates import reduce_template
from ops.preflight.changes import check_changes
from ops.preflight.findings import Verdict
from tests.unit.ops.account_fakes import answering, fake_client, preflight, template

STACK = "Orders-Prod-Orders"
REFUSED, LOST, OPENED, REPLACED = Effect.REFUSED, Effect.LOST, Effect.OPENED, Effect.REPLACED


def declared(type: str, *, kept: bool = False, **properties: Any) -> Any:
    policy = "Retain" if kept else "Delete"
    return {
        "Type": f"AWS::{type}",
        "Properties": properties,
        "DeletionPolicy": policy,
        "UpdateReplacePolicy": policy,
    }


def table(*indexes: str, key: str = "id", **more: Any) -> Any:
    found = [{"IndexName": name, "KeySchema": [name]} for name in indexes]
    return declared("DynamoDB::GlobalTable", KeySchema=[key], GlobalSecondaryIndexes=found, **more)


QUEUE, KEPT_QUEUE = declared("SQS::Queue"), declared("SQS::Queue", kept=True)
LOG = declared("Logs::LogGroup", LogGroupName="/aws/events/orders")
RULE = declared("Events::Rule", Name="OrdersRule", EventBusName={"Ref": "Bus"})
FUNCTION = declared("Lambda::Function")
GUARD = declared("SQS::QueuePolicy", Queues=[{"Ref": "Q"}])


def mapping(position: str) -> Any:
    return declared("Lambda::EventSourceMapping", StartingPosition=position)


def machine(type: str) -> Any:
    return declared("StepFunctions::StateMachine", StateMachineType=type)


def layer(content: str) -> Any:
    return declared("Lambda::LayerVersion", Content=content)


def changes(before: Any, after: Any) -> list[Change]:
    return compare({STACK: template(**before)}, {STACK: template(**after)})


@pytest.mark.parametrize(
    ("before", "after", "effect", "said"),
    [
        ({"T": table()}, {"T": table("a")}, None, ""),
        ({"T": table("a")}, {"T": table()}, None, ""),
        ({"T": table()}, {"T": table("a", "b")}, REFUSED, "2 indexes would come or go (a, b)"),
        ({"T": table("a")}, {"T": table("b")}, REFUSED, "2 indexes"),
        ({"T": table(key="id")}, {"T": table(key="sku")}, LOST, "KeySchema would change"),
        ({"T": table()}, {}, LOST, "its items would be deleted"),
        ({"T": table(kept=True)}, {}, LOST, "it would be kept with its items"),
        ({"Q": QUEUE}, {"R": QUEUE}, LOST, "its messages would be deleted"),
        ({"Q": KEPT_QUEUE}, {"R": QUEUE}, LOST, "it would be kept with its messages"),
        ({"Q": QUEUE}, {"Q": declared("SQS::Queue", FifoQueue=True)}, LOST, "FifoQueue"),
        ({"R": RULE}, {"R": FUNCTION}, REFUSED, "changes no type"),
        (
            {"R": RULE},
            {"R": declared("Events::Rule", Name="OrdersRule", EventBusName="other")},
            REFUSED,
            "change the name OrdersRule too",
        ),
        (
            {"R": RULE},
            {"R": declared("Events::Rule", Name="Another", EventBusName="other")},
            REPLACED,
            "EventBusName and Name",
        ),
        ({"R": RULE}, {"S": RULE}, REFUSED, "R has the name OrdersRule"),
        ({"M": machine("STANDARD")}, {"M": machine("EXPRESS")}, REPLACED, "executions end"),
        ({}, {"M": mapping("LATEST")}, LOST, "misses what comes before"),
        ({"L": mapping("TRIM_HORIZON")}, {"M": mapping("TRIM_HORIZON")}, REPLACED, "again"),
        ({"P": GUARD}, {"O": GUARD}, OPENED, "another one guards the same"),
        ({"F": FUNCTION}, {"G": FUNCTION}, None, ""),
        ({"L": layer("a")}, {"L": layer("b")}, None, ""),
    ],
)
def test_change_has_the_effect_that_cloudformation_documents(
    before: Any, after: Any, effect: Effect | None, said: str
):
    found = changes(before, after)

    assert [change.effect for change in found] == ([effect] if effect else [])
    assert all(said in change.text for change in found)


def test_rebuilt_index_is_refused_with_the_way_in_three_releases():
    after = table("a")
    after["Properties"]["GlobalSecondaryIndexes"][0]["KeySchema"] = ["other"]

    (found,) = changes({"T": table("a")}, {"T": after})

    assert found.effect is REFUSED
    assert "add one with another name in this release" in found.text


def test_moved_log_group_meets_its_own_name():
    found = changes({"A": LOG}, {"B": LOG})

    assert [(change.id, change.effect) for change in found] == [("A", LOST), ("B", REFUSED)]


def test_reduced_template_shows_the_same_changes():
    before = {"T": table("a", TimeToLive=1), "Q": QUEUE, "R": RULE, "P": GUARD}
    after = {"T": table("b", "c"), "S": RULE, "O": GUARD}
    reduced = {STACK: reduce_template(template(**before))}

    assert compare(reduced, {STACK: template(**after)}) == changes(before, after) != []
    assert "TimeToLive" not in str(reduced)


def test_new_and_removed_stacks_are_not_compared():
    assert compare({"Orders-Prod-A": template(T=table())}, {"Orders-Prod-B": template()}) == []


def test_line_names_effect_stack_resource_and_type():
    (found,) = changes({"T": table()}, {})

    assert str(found).startswith("lost: Orders-Prod-Orders/T (DynamoDB::GlobalTable): its items")


# The preflight


def verdicts(before: Any, after: Any, **clients: Any) -> list[tuple[Verdict, str]]:
    of = preflight(there={STACK: template(**before)}, wanted={STACK: template(**after)}, **clients)
    return [(finding.verdict, finding.text) for finding in check_changes(of)]


KEEPS = {"Kept": table(kept=True)}
"""What makes an environment one that keeps its data."""


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ({"T": table()}, {"T": table("a", "b")}, Verdict.STOP),
        ({"T": table()}, {"T": table()}, Verdict.FINE),
        ({"T": table()}, {}, Verdict.NOTE),
        ({"T": table(), **KEEPS}, KEEPS, Verdict.STOP),
        ({"M": machine("STANDARD")}, {"M": machine("EXPRESS")}, Verdict.NOTE),
    ],
)
def test_refused_changes_stop_and_losses_do_where_data_are_kept(
    before: Any, after: Any, verdict: Verdict
):
    assert [found for found, _ in verdicts(before, after)] == [verdict]


@pytest.mark.parametrize(
    ("messages", "verdict", "said"),
    [("0", Verdict.NOTE, "it is empty"), ("3", Verdict.STOP, "3 messages wait in it")],
)
def test_queue_that_goes_stops_only_with_messages(messages: str, verdict: Verdict, said: str):
    sqs = fake_client(
        get_queue_attributes=answering(Attributes={"ApproximateNumberOfMessages": messages})
    )

    ((found, text),) = verdicts({"Q": KEPT_QUEUE, **KEEPS}, KEEPS, sqs=sqs)

    assert (found, said in text) == (verdict, True)


def test_function_that_another_stack_calls_may_not_go_at_once():
    called = "Orders-Dev-Payments"
    reference = {"Fn::GetStackOutput": {"StackName": called, "OutputName": "Arn"}}
    payments = template(TakePayment=FUNCTION)
    payments["Outputs"] = {"Arn": {"Value": {"Fn::GetAtt": ["TakePayment", "Arn"]}}}
    caller = template(Rule=declared("Events::Rule", Targets=[reference]))
    of = preflight(
        there={called: payments, "Orders-Dev-Orders": caller},
        wanted={called: template(Charge=FUNCTION), "Orders-Dev-Orders": caller},
    )

    (found,) = check_changes(of)

    assert found.verdict is Verdict.STOP
    assert "Orders-Dev-Orders calls it until it is deployed" in found.text


def test_first_deployment_replaces_nothing():
    (found,) = check_changes(preflight(wanted={STACK: template(T=table())}))

    assert found.verdict is Verdict.FINE
