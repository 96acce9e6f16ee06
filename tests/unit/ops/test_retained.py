"""What stays of an environment: later, by the templates, and already, by what stacks reported."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from ops import __main__ as main
from tests.unit.ops.account_fakes import FakeDeployed, client_error, fake_client, template

KEPT = {"Type": "AWS::DynamoDB::GlobalTable", "DeletionPolicy": "Retain"}


def skipped(id: str, physical: str, status: str = "DELETE_SKIPPED") -> Any:
    return {
        "LogicalResourceId": id,
        "PhysicalResourceId": physical,
        "ResourceType": "AWS::DynamoDB::GlobalTable",
        "ResourceStatus": status,
    }


EVENTS = {
    "gone-id": [
        skipped("Table", "old-table"),
        skipped("Table", "old-table"),
        skipped("Table", "deleted-since"),
        skipped("Queue", "queue", "DELETE_COMPLETE"),
    ],
    "there-id": [skipped("Table", "table")],
}


def retained(
    monkeypatch: pytest.MonkeyPatch, *events: str, options: Sequence[str] = ("--json",)
) -> int:
    stacks = [
        {"StackName": "Orders-Dev-Boxes", "StackId": "gone-id"},
        {"StackName": "Orders-Dev-Shelves", "StackId": "there-id"},
        {"StackName": "Other", "StackId": "other-id"},
    ]

    def get_resource(*, TypeName: str, Identifier: str) -> Any:  # noqa: N803
        if Identifier == "deleted-since":
            raise client_error("ResourceNotFoundException")
        raise client_error("AccessDeniedException")

    deployed = FakeDeployed(
        stacks={"Orders-Dev-Shelves": template(Table=KEPT)},
        clients={
            "cloudformation": fake_client(
                {
                    "list_stacks": [
                        {"StackSummaries": [each for each in stacks if each["StackId"] in events]}
                    ],
                    "describe_stack_events": lambda StackName: [  # noqa: N803
                        {"StackEvents": EVENTS[StackName]}
                    ],
                }
            ),
            "cloudcontrol": fake_client(get_resource=get_resource),
        },
    )
    monkeypatch.setattr(main, "deployed", lambda _: deployed)
    monkeypatch.setattr("sys.argv", ["ops", "retained", *options])
    return main.main()


def test_retained_resource_of_a_deleted_stack_is_listed_once_while_it_may_exist(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert retained(monkeypatch, "gone-id") == 1

    assert json.loads(capsys.readouterr().out)["already"] == [
        {
            "stack": "Orders-Dev-Boxes",
            "id": "Table",
            "type": "AWS::DynamoDB::GlobalTable",
            "name": "old-table",
        }
    ]


def test_resource_imported_by_a_later_deployment_is_listed_as_kept_later(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert retained(monkeypatch, "there-id") == 0

    found = json.loads(capsys.readouterr().out)
    assert found["already"] == []
    assert [each["name"] for each in found["later"]] == ["table"]


def test_it_is_said_where_nothing_was_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """With another Region than the platform's, all that is kept would seem to be gone."""
    assert retained(monkeypatch, options=()) == 0

    said = "1 will be kept, 0 were kept already, of Orders-Dev-… in eu-west-1\n"
    assert capsys.readouterr().out.endswith(said)
