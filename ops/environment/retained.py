"""Resources that outlive their stacks: those that will stay, and those that stayed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from ops.deployed import Deployed
from ops.dlq.templates import Resource, Templates
from stacks.names import stack_name

KEPT = {"Retain", "RetainExceptOnCreate"}
NOT_FOUND = "ResourceNotFoundException"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptResource:
    """A resource that no stack has any more, and that still exists as far as is known."""

    stack: str
    id: str
    """The logical id that it had."""
    kind: str
    """Its CloudFormation type."""
    physical: str
    """Its name, ARN or URL."""


def find_to_be_kept(templates: Templates) -> Iterator[Resource]:
    """Yield the resources of deployed stacks that stay when the stacks are deleted."""
    return (each for each in templates.resources() if each.deletion_policy in KEPT)


def find_kept(deployed: Deployed, templates: Templates) -> Iterator[KeptResource]:
    """Yield the resources that stacks left behind when they were updated, rolled back or deleted.

    CloudFormation reports these as DELETE_SKIPPED, for 90 days.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackEvents.html
    """
    stacks = deployed.client("cloudformation")
    control = deployed.client("cloudcontrol")
    # A later deployment may have imported the resource.
    seen = {(each.kind, each.physical) for each in templates.resources()}
    for name, id in _stack_ids(stacks, stack_name(deployed.environment, "")):
        pages = stacks.get_paginator("describe_stack_events").paginate(StackName=id)
        for event in (event for page in pages for event in page["StackEvents"]):
            kept = KeptResource(
                stack=name,
                id=event["LogicalResourceId"],
                kind=event["ResourceType"],
                physical=event.get("PhysicalResourceId", ""),
            )
            skipped = event.get("ResourceStatus") == "DELETE_SKIPPED" and kept.physical
            if skipped and (kept.kind, kept.physical) not in seen:
                seen.add((kept.kind, kept.physical))
                if _is_there(control, kept):
                    yield kept


def _stack_ids(stacks: Any, prefix: str) -> Iterator[tuple[str, str]]:
    pages = stacks.get_paginator("list_stacks").paginate()
    for page in pages:
        for stack in page["StackSummaries"]:
            if stack["StackName"].startswith(prefix):
                yield stack["StackName"], stack["StackId"]


def _is_there(control: Any, kept: KeptResource) -> bool:
    """Return whether the resource exists.

    If Cloud Control does not know its type, assume that it does.
    """
    try:
        control.get_resource(TypeName=kept.kind, Identifier=kept.physical)
    except ClientError as error:
        return error.response["Error"]["Code"] != NOT_FOUND
    return True


def as_row(kept: KeptResource | Resource) -> Mapping[str, str]:
    """Return the columns that the command shows of a resource."""
    return {"stack": kept.stack, "id": kept.id, "type": kept.kind, "name": kept.physical}
