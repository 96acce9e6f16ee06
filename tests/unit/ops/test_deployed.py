"""Which stacks of an environment are deployed, and what of them refers to what."""

import json
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from ops.deployed import Deployed, OperationError
from ops.dlq.templates import DeployedStack, Templates
from tests.unit.ops.account_fakes import client_error, fake_client, template

QUEUE = {"Type": "AWS::SQS::Queue"}


@pytest.mark.parametrize("state", ["REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE"])
def test_stack_that_was_never_created_is_not_deployed(state: str):
    def get_template(*, StackName: str) -> Any:  # noqa: N803
        if StackName != "Orders-Dev-There":
            raise client_error("ValidationError")
        return {"TemplateBody": json.dumps(template(Boxes12345678=QUEUE))}

    stacks = [
        {"StackName": "Orders-Dev-There", "StackStatus": "UPDATE_ROLLBACK_COMPLETE"},
        {"StackName": "Orders-Dev-New", "StackStatus": state},
        {"StackName": "Other", "StackStatus": "CREATE_COMPLETE"},
    ]
    resource = {"LogicalResourceId": "Boxes12345678", "PhysicalResourceId": "https://boxes"}
    cloudformation = fake_client(
        {
            "describe_stacks": [{"Stacks": stacks}],
            "list_stack_resources": [{"StackResourceSummaries": [resource]}],
        },
        get_template=get_template,
    )
    cloudformation.meta = SimpleNamespace(endpoint_url="https://127.0.0.1:1")
    session = SimpleNamespace(client=lambda *_, **__: cloudformation)

    found = Deployed(session=session, environment="dev").all_templates()

    assert [str(each) for each in found.resources()] == ["there/Boxes"]


def test_output_that_a_stack_does_not_have_yet_is_named_with_the_stacks_state():
    stack = {
        "StackName": "Orders-Dev-Orders",
        "StackStatus": "CREATE_IN_PROGRESS",
        "Outputs": [{"OutputKey": "There", "OutputValue": "x"}],
    }
    cloudformation = fake_client({}, describe_stacks=lambda **_: {"Stacks": [stack]})
    cloudformation.meta = SimpleNamespace(endpoint_url="https://127.0.0.1:1")
    session = SimpleNamespace(client=lambda *_, **__: cloudformation)
    outputs = Deployed(session=session, environment="dev").outputs("Orders")

    assert outputs["There"] == "x"
    with pytest.raises(OperationError) as refused:
        outputs["OrdersTable"]
    said = "the stack Orders-Dev-Orders, CREATE_IN_PROGRESS, has no output OrdersTable"
    assert str(refused.value).startswith(said)


@pytest.mark.parametrize(
    "state",
    ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_ROLLBACK_FAILED"],
)
def test_stack_that_is_being_updated_or_failed_to_be_is_not_read(state: str):
    """Its parameters are the new ones, its outputs the old ones; and it takes no other update."""
    stack = {
        "StackName": "Orders-Dev-Storefront",
        "StackStatus": "UPDATE_COMPLETE",
        "Outputs": [{"OutputKey": "SalesTable", "OutputValue": "blue"}],
        "Parameters": [{"ParameterKey": "SalesSlot", "ParameterValue": "0"}],
    }
    cloudformation = fake_client({}, describe_stacks=lambda **_: {"Stacks": [stack]})
    cloudformation.meta = SimpleNamespace(endpoint_url="https://127.0.0.1:1")
    session = SimpleNamespace(client=lambda *_, **__: cloudformation)
    deployed = Deployed(session=session, environment="dev")
    assert deployed.outputs_and_parameters("Storefront") == (
        {"SalesTable": "blue"},
        {"SalesSlot": "0"},
    )

    stack["StackStatus"] = state

    with pytest.raises(OperationError, match=f"Orders-Dev-Storefront is in {state}: "):
        deployed.outputs_and_parameters("Storefront")


def test_output_that_half_an_update_has_removed_refers_to_nothing():
    reference = {"Fn::GetStackOutput": {"StackName": "Orders-Dev-A", "OutputName": "Gone"}}
    templates = Templates(
        {
            "Orders-Dev-A": DeployedStack(template(outputs={"There": "x"}), {}),
            "Orders-Dev-B": DeployedStack(template(), {}),
        }
    )

    assert list(templates.references("Orders-Dev-B", {"Arn": [reference]})) == []


def test_first_answer_is_not_awaited_for_a_minute():
    session = boto3.Session("k", "s", region_name="eu-west-1")
    deployed = Deployed(session=session, environment="dev")

    # A function that is called may take long.
    awaited = {
        name: deployed.client(name).meta.config for name in ("cloudformation", "sts", "lambda")
    }

    assert awaited["cloudformation"].read_timeout <= 20
    assert awaited["sts"].read_timeout <= 20
    assert awaited["lambda"].read_timeout >= 60
    assert awaited["cloudformation"].connect_timeout == 5
