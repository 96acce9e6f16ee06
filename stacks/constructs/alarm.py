"""Something that people on call have to know."""

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct


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
    """Tell ``alarms`` when a metric was ``threshold`` that for so many of its periods, one by one.

    No data is no alarm: what nobody uses measures nothing. With ``ignore_missing_data``, no data says nothing:
    the alarm is what it was until it is measured again.
    """
    cloudwatch.Alarm(
        scope,
        id,
        alarm_description=alarm_description,
        metric=metric,
        threshold=threshold,
        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
        evaluation_periods=evaluation_periods,
        treat_missing_data=cloudwatch.TreatMissingData.IGNORE
        if ignore_missing_data
        else cloudwatch.TreatMissingData.NOT_BREACHING,
    ).add_alarm_action(actions.SnsAction(alarms))
