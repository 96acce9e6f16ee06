"""A function that scales the shards of a stream."""

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.constructs.alarm import alarm
from stacks.constructs.function import ServiceFunction
from stacks.constructs.grants import grant
from stacks.constructs.nag import acknowledge
from stacks.constructs.schedule import SCHEDULE_HAS_DESTINATION, Schedule
from stacks.environments import Environment


class ShardScaler(Construct):
    """Checks a stream every minute, and doubles or halves its shards when needed.

    It reads metrics and is not invoked by alarms: an alarm acts only when it changes state, and one
    doubling may not be enough. The alarm here notifies operators when producers are throttled. Each
    projection has an alarm for a consumer that is behind.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-actions.html
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        env: Environment,
        stream: kinesis.IStream,
        schedules: scheduler.IScheduleGroup,
        alarms: sns.ITopic,
    ) -> None:
        """Declare the scaler. ``stream`` must have provisioned shards, not on-demand capacity."""
        super().__init__(scope, id)
        if env.shards is None:
            raise ValueError("a stream that Kinesis scales needs no scaler")
        floor, ceiling = env.shards
        self.function = ServiceFunction(
            self,
            "ScaleStream",
            env=env,
            handler="backbone.scale_stream",
            settings={
                "ORDER_STREAM": stream.stream_name,
                "FLOOR": str(floor),
                "CEILING": str(ceiling),
                "COOLDOWN_SECONDS": str(env.shards_cooldown.to_seconds()),
            },
            timeout=Duration.seconds(20),
            no_dlq_reason=SCHEDULE_HAS_DESTINATION,
        )
        Schedule(
            self,
            function=self.function,
            every=Duration.minutes(1),
            group=schedules,
            alarms=alarms,
        )
        grant(
            self.function,
            "kinesis:DescribeStreamSummary",
            "kinesis:ListStreamConsumers",
            "kinesis:ListTagsForStream",
            "kinesis:AddTagsToStream",
            "kinesis:UpdateShardCount",
            on=stream.stream_arn,
        )
        self._grant_get_metric_data()
        alarm(
            self,
            "Throttled",
            alarm_description=f"{self.function.node.id}: the stream rejects records for 15 "
            "minutes, whatever the scaler did (shard ceiling reached, or one hot key)",
            command="console",
            metric=stream.metric_write_provisioned_throughput_exceeded(
                period=Duration.minutes(1), statistic="Sum"
            ),
            evaluation_periods=15,
            alarms=alarms,
        )

    def _grant_get_metric_data(self) -> None:
        """Grant GetMetricData in a policy of its own, which has the wildcard's acknowledgement."""
        if self.function.role is None:
            raise TypeError("the scaler's function has no role")
        policy = iam.Policy(
            self,
            "ReadMetrics",
            roles=[self.function.role],
            statements=[iam.PolicyStatement(actions=["cloudwatch:GetMetricData"], resources=["*"])],
        )
        acknowledge(
            policy,
            "AwsSolutions-IAM5[Resource::*]",
            reason="CloudWatch's GetMetricData supports no resource-level rights",
        )
