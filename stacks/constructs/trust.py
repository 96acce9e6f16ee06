"""Trust policies of roles with which AWS services act for this account."""

from aws_cdk import CfnResource, Stack
from aws_cdk import aws_iam as iam
from constructs import IConstruct


def service_for_this_account(scope: IConstruct, service: str) -> iam.ServicePrincipal:
    """Return a service's principal, for resources of the stack's account only.

    ``service`` is EventBridge, its Scheduler or Step Functions, such as ``events.amazonaws.com``:
    these say for which account they act.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/cross-service-confused-deputy-prevention.html
    https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
    https://docs.aws.amazon.com/step-functions/latest/dg/procedure-create-iam-role.html
    """
    return iam.ServicePrincipal(service, conditions=_conditions(scope))


def trust_for_this_account(role: IConstruct) -> None:
    """Restrict the trust of a role that the CDK made, and for which it takes no principal."""
    resource = role.node.default_child
    if not isinstance(resource, CfnResource):
        raise TypeError(f"{role.node.path} has no resource")
    path = "AssumeRolePolicyDocument.Statement.0.Condition"
    resource.add_property_override(path, _conditions(role))


def _conditions(scope: IConstruct) -> dict[str, dict[str, str]]:
    return {"StringEquals": {"aws:SourceAccount": Stack.of(scope).account}}
