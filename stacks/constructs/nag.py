"""Acknowledge findings of the rule packs, with a reason, where they arise."""

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct


def acknowledge(construct: IConstruct, finding: str, *, reason: str) -> None:
    """Accept ``finding`` (``Rule`` or ``Rule[Finding]``) on ``construct`` and its children."""
    Validations.of(construct).acknowledge(Acknowledgment(id=finding, reason=reason))
