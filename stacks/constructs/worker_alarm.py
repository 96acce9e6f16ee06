"""The alarm of a worker group in which instances are in service and do not work."""

from aws_cdk import Duration
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.constructs.alarm import alarm


def alarm_on_idle_instances(
    scope: Construct, *, group: autoscaling.AutoScalingGroup, service: str, alarms: sns.ITopic
) -> None:
    """Notify ``alarms`` when fewer workers are ready than instances are in service.

    Each worker that is ready counts itself once in each minute. A group without instances needs no
    worker. SQS's own ``NumberOfEmptyReceives`` would not do: it is silent while messages come.
    """

    def metric(namespace: str, name: str, statistic: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=namespace,
            metric_name=name,
            dimensions_map={"AutoScalingGroupName": group.auto_scaling_group_name},
            statistic=statistic,
        )

    alarm(
        scope,
        "IdleInstances",
        alarm_description=f"{service.capitalize()}: instances do not work for 15 minutes",
        command="console",
        metric=cloudwatch.MathExpression(
            expression="instances - FILL(ready, 0) / 5",
            using_metrics={
                "instances": metric("AWS/AutoScaling", "GroupInServiceInstances", "Average"),
                "ready": metric("Orders", "WorkersReady", "Sum"),
            },
            period=Duration.minutes(5),
            label="Instances in service whose workers are not ready",
        ),
        threshold=0.5,
        evaluation_periods=3,
        alarms=alarms,
    )
