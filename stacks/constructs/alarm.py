"""Alarms that notify the operators on call."""

from typing import Any

from aws_cdk import CfnResource, Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from constructs import Construct, IConstruct

from stacks.names import environment_of, resource_name, service_of


def alarm(
    scope: Construct,
    id: str,
    *,
    alarm_description: str,
    metric: cloudwatch.IMetric,
    command: str,
    alarms: sns.ITopic,
    threshold: float = 0,
    evaluation_periods: int = 1,
    ignore_missing_data: bool = False,
) -> None:
    """Notify ``alarms`` when the metric exceeds ``threshold`` in ``evaluation_periods`` in a row.

    ``alarm_description`` names the consumer and the condition, as in ``Picking: dead letters
    waiting``; the service is put in front: ``warehouse/Picking: dead letters waiting``. ``command``
    is what an operator types first, after ``python -m ops``.

    Missing data does not raise the alarm: an unused resource has no metrics. With
    ``ignore_missing_data`` the alarm keeps its state until there is data again.
    """
    missing = cloudwatch.TreatMissingData
    _notify(
        scope,
        id,
        alarm_description,
        command,
        alarms,
        metric=metric,
        threshold=threshold,
        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
        evaluation_periods=evaluation_periods,
        treat_missing_data=missing.IGNORE if ignore_missing_data else missing.NOT_BREACHING,
    )


def own_metric(
    scope: Construct, name: str, *, period: Duration, statistic: str
) -> cloudwatch.Metric:
    """Return a metric that functions put with ``put_metrics``, of the environment of ``scope``."""
    return cloudwatch.Metric(
        namespace="Orders",
        metric_name=name,
        dimensions_map={"Environment": environment_of(Stack.of(scope).node.id)},
        period=period,
        statistic=statistic,
    )


def alarm_if_behind(scope: Construct, function: lambda_.IFunction, *, alarms: sns.ITopic) -> None:
    """Notify ``alarms`` when a stream's records are 15 minutes old when ``function`` gets them."""
    alarm(
        scope,
        "Behind",
        alarm_description=f"{function.node.id}: over 15 minutes behind, or a shard is stuck",
        command="console",
        metric=function.metric("IteratorAge", period=Duration.minutes(1), statistic="Maximum"),
        threshold=Duration.minutes(15).to_milliseconds(),
        alarms=alarms,
    )


def alarm_on_silence(
    scope: Construct,
    id: str,
    *,
    alarm_description: str,
    metric: cloudwatch.IMetric,
    command: str,
    alarms: sns.ITopic,
) -> None:
    """Notify ``alarms`` when the metric is 0, or missing, for its whole period: a day at most."""
    _notify(
        scope,
        id,
        alarm_description,
        command,
        alarms,
        metric=metric,
        threshold=1,
        comparison_operator=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
        evaluation_periods=1,
        treat_missing_data=cloudwatch.TreatMissingData.BREACHING,
    )


def show_dead_letters(sink: IConstruct) -> str:
    """Return the command that shows the dead letters of a queue or bucket."""
    stack, resource = Stack.of(sink), sink.node.default_child
    if not isinstance(resource, CfnResource):
        raise TypeError(f"{sink.node.path} has no resource of its own")
    return f"dlq show {resource_name(stack.node.id, stack.get_logical_id(resource))}"


def _notify(
    scope: Construct,
    id: str,
    description: str,
    command: str,
    alarms: sns.ITopic,
    **condition: Any,
) -> None:
    stack = Stack.of(scope).node.id
    first = f"python -m ops {command} --env {environment_of(stack)}"
    cloudwatch.Alarm(
        scope, id, alarm_description=f"{service_of(stack)}/{description}. {first}", **condition
    ).add_alarm_action(actions.SnsAction(alarms))
