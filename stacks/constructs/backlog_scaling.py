"""Scaling of an Auto Scaling group by the backlog of its queues."""

from collections.abc import Iterable

from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_sqs as sqs
from constructs import Construct

BACKLOG_PER_INSTANCE = 500
"""How many messages may wait for each instance: it handles hundreds a second."""


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
