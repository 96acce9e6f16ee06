"""Alarms that notify the operators on call."""

from typing import Any

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
    """Notify ``alarms`` when the metric exceeds ``threshold`` in ``evaluation_periods`` in a row.

    ``alarm_description`` names the consumer and the condition, as in ``Picking: dead letters
    waiting``; the service is put in front: ``warehouse/Picking: dead letters waiting``.

    Missing data does not raise the alarm: an unused resource has no metrics. With
    ``ignore_missing_data`` the alarm keeps its state until there is data again.
    """
    missing = cloudwatch.TreatMissingData
    _notify(
        scope,
        id,
        alarm_description,
        alarms,
        metric=metric,
        threshold=threshold,
        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
        evaluation_periods=evaluation_periods,
        treat_missing_data=missing.IGNORE if ignore_missing_data else missing.NOT_BREACHING,
    )


def alarm_on_silence(
    scope: Construct,
    id: str,
    *,
    alarm_description: str,
    metric: cloudwatch.IMetric,
    alarms: sns.ITopic,
) -> None:
    """Notify ``alarms`` when the metric is 0, or missing, for its whole period: a day at most."""
    _notify(
        scope,
        id,
        alarm_description,
        alarms,
        metric=metric,
        threshold=1,
        comparison_operator=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
        evaluation_periods=1,
        treat_missing_data=cloudwatch.TreatMissingData.BREACHING,
    )


def _notify(
    scope: Construct, id: str, description: str, alarms: sns.ITopic, **condition: Any
) -> None:
    service = service_of(Stack.of(scope).node.id)
    cloudwatch.Alarm(
        scope, id, alarm_description=f"{service}/{description}", **condition
    ).add_alarm_action(actions.SnsAction(alarms))
