"""What is deployed already: names, stacks, options and dead letters that stand in the way."""

from typing import Any

import pytest

from ops.preflight import account, state
from ops.preflight.findings import Verdict
from tests.unit.ops.account_fakes import answering, fake_client, preflight, template
from tests.unit.ops.preflight_templates import (
    ALARMED,
    FINE,
    IDENTITY,
    NOTE,
    QUEUE,
    STOP,
    TABLE,
    found,
    texts,
)


@pytest.mark.parametrize(
    ("there", "verdict"), [({}, STOP), ({"Orders-Dev-Backbone": template()}, FINE)]
)
def test_taken_name_stops_where_the_stack_is_new(there: Any, verdict: Verdict):
    bus = {"Type": "AWS::Events::EventBus", "Properties": {"Name": "Orders"}}
    log = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/aws/events/orders"}}
    of = preflight(
        wanted={"Orders-Dev-Backbone": template(Bus=bus, Log=log)},
        there=there,
        events=fake_client(list_event_buses=answering(EventBuses=[{"Name": "Orders"}])),
        logs=fake_client(
            describe_log_groups=answering(logGroups=[{"logGroupName": "/aws/events/orders-2"}])
        ),
    )

    assert found(account.check_names, of) == [verdict]
    if verdict is STOP:
        said = texts(account.check_names, of, STOP)
        assert "taken: Orders (for Orders-Dev-Backbone);" in said


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        ("UPDATE_COMPLETE", FINE),
        ("UPDATE_ROLLBACK_FAILED", STOP),
        ("UPDATE_IN_PROGRESS", NOTE),
        ("REVIEW_IN_PROGRESS", FINE),
    ],
)
def test_state_of_a_stack_decides_whether_it_can_be_deployed(status: str, verdict: Verdict):
    stacks = [
        {"StackName": "Orders-Dev-A", "StackStatus": status},
        {"StackName": "Other", "StackStatus": "ROLLBACK_FAILED"},
    ]
    of = preflight(
        wanted={"Orders-Dev-A": template()},
        there={"Orders-Dev-A": template()},
        cloudformation=fake_client({"describe_stacks": [{"Stacks": stacks}]}),
    )

    assert found(account.check_stacks, of) == [verdict]


@pytest.mark.parametrize(
    ("status", "command"),
    [
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback"),
        ("UPDATE_FAILED", "rollback-stack"),
        ("CREATE_FAILED", "rollback-stack"),
        ("ROLLBACK_FAILED", "delete-stack"),
        ("DELETE_FAILED", "delete-stack"),
    ],
)
def test_stack_that_cannot_be_updated_has_the_command_that_ends_its_state(
    status: str, command: str
):
    stacks = [{"StackName": "Orders-Dev-A", "StackStatus": status}]
    of = preflight(
        wanted={"Orders-Dev-A": template()},
        there={"Orders-Dev-A": template()},
        cloudformation=fake_client({"describe_stacks": [{"Stacks": stacks}]}),
    )

    said = texts(account.check_stacks, of, STOP)
    assert f"aws cloudformation {command} --stack-name Orders-Dev-A" in said
    assert ("delete" in said) == (command == "delete-stack")


def test_leftover_stack_and_options_that_are_switched_off_are_noted():
    there = {
        "Orders-Dev-Disputes": template(),
        "Orders-Dev-Mail": template(IDENTITY, outputs={"MailSender": "orders@your.shop"}),
    }
    of = preflight(wanted={"Orders-Dev-Mail": template()}, there=there)

    said = texts(state.check_leftovers, of, NOTE)
    assert "Orders-Dev-Disputes is deployed and no longer configured" in said
    assert "Orders-Dev-Mail will delete the sender's identity" in said
    assert "sends them now from orders@your.shop" in said


def test_environment_that_is_deployed_as_configured_is_fine():
    stacks = {"Orders-Dev-Mail": template(IDENTITY, outputs={"MailSender": "a"})}

    assert found(state.check_leftovers, preflight(wanted=stacks, there=stacks)) == [FINE]


@pytest.mark.parametrize(
    ("policy", "depth", "verdict"),
    [("Retain", "2", STOP), ("Delete", "2", NOTE), ("Retain", "0", FINE)],
)
def test_dead_letters_stop_an_environment_that_keeps_its_data(
    policy: str, depth: str, verdict: Verdict
):
    names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    dated = {"ResponseMetadata": {"HTTPHeaders": {"date": "Tue, 01 Dec 2026 09:00:00 GMT"}}}
    attributes = {names[0]: depth, names[1]: "0"}
    there = {"Orders-Dev-A": template(Dead12345678=QUEUE, Fails12345678=ALARMED)}
    of = preflight(
        wanted={"Orders-Dev-A": template(T={**TABLE, "DeletionPolicy": policy})},
        there=there,
        sqs=fake_client(get_queue_attributes=answering(Attributes=attributes, **dated)),
        s3=fake_client(),
    )

    assert found(state.check_dead_letters, of) == [verdict]
    if verdict is not FINE:
        assert texts(state.check_dead_letters, of, verdict).startswith(
            "2 dead letters wait in a/Dead"
        )
