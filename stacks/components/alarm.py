"""Something that people on call have to know."""

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct


def alarm(
    scope: Construct,
    id: str,
    *,
    tells: str,
    metric: cloudwatch.IMetric,
    alarms: sns.ITopic,
    above: float = 0,
    periods: int = 1,
    stays: bool = False,
) -> None:
    """Tell ``alarms`` when a metric was ``above`` that for so many of its periods, one by one.

    No data is no alarm: what nobody uses measures nothing. With ``stays``, no data says nothing:
    the alarm is what it was until it is measured again.
    """
    cloudwatch.Alarm(
        scope,
        id,
        alarm_description=tells,
        metric=metric,
        threshold=above,
        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
        evaluation_periods=periods,
        treat_missing_data=cloudwatch.TreatMissingData.IGNORE
        if stays
        else cloudwatch.TreatMissingData.NOT_BREACHING,
    ).add_alarm_action(actions.SnsAction(alarms))
