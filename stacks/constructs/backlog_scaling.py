"""Scaling of an Auto Scaling group by the backlog of its queues."""

from collections.abc import Iterable, Mapping
from typing import Any

from aws_cdk import Duration, Stack
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.names import environment_of

BACKLOG_PER_INSTANCE = 500
"""How many messages may wait for each instance: it handles hundreds a second."""

IDLE = Duration.minutes(15)
"""How long nothing may come before the last instance goes, where a group may have none."""


def scale_on_backlog(
    scope: Construct, *, group: autoscaling.AutoScalingGroup, queues: Iterable[sqs.IQueue]
) -> None:
    """Add and remove instances so that the backlog per instance stays at its target.

    https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-target-tracking-metric-math.html
    """
    policy = autoscaling.CfnScalingPolicy
    names = [queue.queue_name for queue in queues]
    waiting = [
        _metric(
            f"waiting{i}",
            "AWS/SQS",
            "ApproximateNumberOfMessagesVisible",
            QueueName=name,
        )
        for i, name in enumerate(names)
    ]
    instances = _metric(
        "instances",
        "AWS/AutoScaling",
        "GroupInServiceInstances",
        AutoScalingGroupName=group.auto_scaling_group_name,
    )
    # SQS reports no metric of a queue that has not been used for hours.
    backlog = " + ".join(f"FILL(waiting{i}, 0)" for i in range(len(names)))
    policy(
        scope,
        "BacklogPerInstance",
        auto_scaling_group_name=group.auto_scaling_group_name,
        policy_type="TargetTrackingScaling",
        target_tracking_configuration=policy.TargetTrackingConfigurationProperty(
            target_value=BACKLOG_PER_INSTANCE,
            customized_metric_specification=policy.CustomizedMetricSpecificationProperty(
                metrics=[
                    *waiting,
                    instances,
                    policy.TargetTrackingMetricDataQueryProperty(
                        id="backlog",
                        label="Messages that wait for each instance",
                        expression=f"({backlog}) / instances",
                        return_data=True,
                    ),
                ]
            ),
        ),
    )


def start_from_none(
    scope: Construct,
    *,
    group: autoscaling.AutoScalingGroup,
    queues: Iterable[sqs.IQueue],
    service: str,
) -> None:
    """Have no instance while nothing comes, and one while something does.

    Backlog per instance, the target above, is undefined without instances. A message that waits
    starts an instance; it is in service after some three minutes, or fifteen if the queue was not
    used for hours, as SQS begins to report late. Nothing that came and nothing that waits, for a
    quarter of an hour, stops it; it drains first.

    CloudWatch repeats an Auto Scaling action each minute while its alarm is on.
    https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-simple-step.html
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-monitoring-using-cloudwatch.html
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-actions.html
    """
    waiting = {
        f"waiting{i}": queue.metric_approximate_number_of_messages_visible(statistic="Maximum")
        for i, queue in enumerate(queues)
    }
    sent = {
        f"sent{i}": queue.metric_number_of_messages_sent(statistic="Sum")
        for i, queue in enumerate(queues)
    }

    def take(
        step: autoscaling.StepScalingAction,
        *,
        id: str,
        what: str,
        messages: Mapping[str, cloudwatch.IMetric],
        period: Duration,
        **condition: Any,
    ) -> None:
        """Take the step while the number of messages in a period, compared with 0, says so."""
        cloudwatch.Alarm(
            scope,
            id,
            # It changes the group, and rings for nobody.
            alarm_description=f"{service}/{scope.node.id}: {what} (no fault). "
            f"python -m ops console --env {environment_of(Stack.of(scope).node.id)}",
            metric=cloudwatch.MathExpression(
                expression=" + ".join(f"FILL({name}, 0)" for name in messages),
                using_metrics=messages,
                period=period,
                label="Messages",
            ),
            threshold=0,
            evaluation_periods=1,
            **condition,
        ).add_alarm_action(actions.AutoScalingAction(step))

    start, stop = (
        autoscaling.StepScalingAction(
            scope,
            f"{id}Policy",
            auto_scaling_group=group,
            adjustment_type=autoscaling.AdjustmentType.EXACT_CAPACITY,
        )
        for id in ("Start", "Stop")
    )
    # A step's bounds are distances from the alarm's threshold, which is 0.
    start.add_adjustment(adjustment=1, lower_bound=0)
    stop.add_adjustment(adjustment=0, upper_bound=0)
    take(
        start,
        id="Start",
        what="something waits, an instance starts",
        messages=waiting,
        period=Duration.minutes(1),
        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
        treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
    )
    take(
        stop,
        id="Stop",
        what="nothing comes, the instance stops",
        messages={**waiting, **sent},
        period=IDLE,
        comparison_operator=cloudwatch.ComparisonOperator.LESS_THAN_OR_EQUAL_TO_THRESHOLD,
        treat_missing_data=cloudwatch.TreatMissingData.BREACHING,
    )


def _metric(
    id: str, namespace: str, name: str, **dimensions: str
) -> autoscaling.CfnScalingPolicy.TargetTrackingMetricDataQueryProperty:
    policy = autoscaling.CfnScalingPolicy
    return policy.TargetTrackingMetricDataQueryProperty(
        id=id,
        metric_stat=policy.TargetTrackingMetricStatProperty(
            metric=policy.MetricProperty(
                namespace=namespace,
                metric_name=name,
                dimensions=[
                    policy.MetricDimensionProperty(name=dimension, value=value)
                    for dimension, value in dimensions.items()
                ],
            ),
            stat="Average",
        ),
        return_data=False,
    )
