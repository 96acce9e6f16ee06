"""Acknowledge findings of the rule packs and of checkov, with a reason, where they arise."""

from typing import Any

from aws_cdk import Acknowledgment, CfnResource, Validations
from constructs import IConstruct


def acknowledge(construct: IConstruct, finding: str, *, reason: str) -> None:
    """Accept ``finding`` (``Rule`` or ``Rule[Finding]``) on ``construct`` and its children."""
    Validations.of(construct).acknowledge(Acknowledgment(id=finding, reason=reason))


def acknowledge_checkov(construct: IConstruct, check: str, *, reason: str) -> None:
    """Accept a check of checkov, such as ``CKV_AWS_18``, on the resource of ``construct``.

    https://www.checkov.io/2.Basics/Suppressing%20and%20Skipping%20Policies.html
    """
    resource = construct.node.default_child
    if not isinstance(resource, CfnResource):
        raise TypeError(f"{construct.node.path} has no resource of its own")
    before: dict[str, Any] = resource.get_metadata("checkov") or {"skip": []}
    skip = [*before["skip"], {"id": check, "comment": reason}]
    resource.add_metadata("checkov", {"skip": skip})
