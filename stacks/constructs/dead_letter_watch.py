"""A function that watches all dead-letter queues of an environment."""

from aws_cdk import ArnFormat, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.constructs.alarm import alarm, alarm_on_silence, own_metric
from stacks.constructs.function import ServiceFunction
from stacks.constructs.grants import grant
from stacks.constructs.nag import acknowledge
from stacks.constructs.schedule import SCHEDULE_HAS_DESTINATION, Schedule
from stacks.environments import Environment

EVERY = Duration.minutes(5)


class DeadLetterWatch(Construct):
    """Reads the depths of all dead-letter queues every five minutes, in place of their alarms.

    It publishes one metric, the number of queues that are not empty, and notifies ``alarms`` of
    each that was empty before, by name. There is an alarm on the metric, and one that says that the
    function itself does not work: no metric for 15 minutes.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        env: Environment,
        schedules: scheduler.IScheduleGroup,
        alarms: sns.ITopic,
    ) -> None:
        super().__init__(scope, id)
        prefix = env.stack_name("")
        function = ServiceFunction(
            self,
            "WatchDeadLetters",
            env=env,
            handler="operations.watch_dead_letters",
            settings={
                "ENVIRONMENT": env.name,
                "QUEUE_PREFIX": prefix,
                "OPERATIONS_TOPIC": alarms.topic_arn,
            },
            timeout=Duration.seconds(60),
            no_dlq_reason=SCHEDULE_HAS_DESTINATION,
        )
        Schedule(self, function=function, every=EVERY, group=schedules, alarms=alarms)
        self._grant(function, prefix, alarms)
        metric = own_metric(self, "DeadLetterQueues", period=EVERY, statistic="Maximum")
        alarm(
            self,
            "NotEmpty",
            alarm_description="WatchDeadLetters: dead letters waiting (a notice names the queues)",
            metric=metric,
            command="dlq list --non-empty",
            ignore_missing_data=True,
            alarms=alarms,
        )
        alarm_on_silence(
            self,
            "Silent",
            alarm_description="WatchDeadLetters: nobody looked for dead letters for 15 minutes",
            metric=metric.with_(period=Duration.minutes(15), statistic="SampleCount"),
            command="dlq list --non-empty",
            alarms=alarms,
        )

    def _grant(self, function: ServiceFunction, prefix: str, alarms: sns.ITopic) -> None:
        """Grant the function to list queues, to read those of the environment, and to notify.

        The queues have names that CloudFormation makes from their stacks'.
        https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html
        """
        if function.role is None:
            raise TypeError("the watch's function has no role")
        queues = Stack.of(self).format_arn(
            service="sqs", resource=f"{prefix}*", arn_format=ArnFormat.NO_RESOURCE_NAME
        )
        policy = iam.Policy(
            self,
            "ReadQueues",
            roles=[function.role],
            statements=[
                iam.PolicyStatement(actions=["sqs:ListQueues"], resources=["*"]),
                iam.PolicyStatement(actions=["sqs:GetQueueAttributes"], resources=[queues]),
            ],
        )
        acknowledge(
            policy,
            "AwsSolutions-IAM5[Resource::*]",
            reason="SQS's ListQueues supports no resource-level rights",
        )
        acknowledge(
            policy,
            f"AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:sqs:<AWS::Region>:<AWS::AccountId>:{prefix}*]",
            reason="it reads the depths of this environment's queues, whose names end by chance",
        )
        grant(function, "sns:Publish", on=alarms.topic_arn)
