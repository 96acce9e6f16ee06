"""Acknowledging one finding of a security check, with its reason, beside its cause."""

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct


def acknowledge(construct: IConstruct, finding: str, *, reason: str) -> None:
    """Accept ``finding`` (``Rule`` or ``Rule[Finding]``) on ``construct`` and what is below it."""
    Validations.of(construct).acknowledge(Acknowledgment(id=finding, reason=reason))
