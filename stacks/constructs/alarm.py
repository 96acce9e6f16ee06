"""Alarms that notify the people on call."""

from aws_cdk import Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.names import service_of


def alarm(
    scope: Construct,
    id: str,
    *,
    alarm_description: str,
    metric: cloudwatch.IMetric,
    alarms: sns.ITopic,
    threshold: float = 0,
    evaluation_periods: int = 1,
    ignore_missing_data: bool = False,
) -> None:
    """Notify ``alarms`` when the metric exceeds ``threshold`` for so many periods in a row.

    ``alarm_description`` names the consumer and the condition, as in ``Picking: dead letters
    waiting``; the service is put before it: ``warehouse/Picking: dead letters waiting``.

    Missing data is no breach: an unused resource has no metrics. With ``ignore_missing_data`` the
    alarm keeps its state until there is data again.
    """
    cloudwatch.Alarm(
        scope,
        id,
        alarm_description=f"{service_of(Stack.of(scope).node.id)}/{alarm_description}",
        metric=metric,
        threshold=threshold,
        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
        evaluation_periods=evaluation_periods,
        treat_missing_data=cloudwatch.TreatMissingData.IGNORE
        if ignore_missing_data
        else cloudwatch.TreatMissingData.NOT_BREACHING,
    ).add_alarm_action(actions.SnsAction(alarms))
