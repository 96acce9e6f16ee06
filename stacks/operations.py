"""Operations: the infrastructure for the operators on call."""

from aws_cdk import CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from stacks.constructs.alarm import alarm
from stacks.constructs.dead_letter_watch import DeadLetterWatch
from stacks.constructs.nag import acknowledge, acknowledge_checkov
from stacks.constructs.topic_key import TopicKey
from stacks.dashboard import declare_dashboard
from stacks.environments import Environment
from stacks.log_queries import declare_log_queries


class OperationsStack(Stack):
    """The topic for alarms and orders that need attention, schedules' group, and the dashboard."""

    def __init__(self, scope: Construct, *, env: Environment) -> None:
        super().__init__(scope, env.stack_name("Operations"))

        self.topic = sns.Topic(self, "Topic", display_name="Orders operations", enforce_ssl=True)
        if env.topic_key:
            TopicKey(self, "TopicKey", description="Orders: alarms and alerts").encrypt(self.topic)
        else:
            acknowledge_checkov(self.topic, "CKV_AWS_26", reason="it has ids only: docs/adr/0041")
        # An explicit policy replaces the default one, which allows alarms to publish.
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": self.account}},
            )
        )

        for address in env.alarm_addresses:
            mail = self.topic.add_subscription(subscriptions.EmailSubscription(address))
            acknowledge(
                mail,
                "Serverless-SNSRedrivePolicy",
                reason="a dead letter would raise an alarm, whose mail goes the same way",
            )

        # All functions share the account's concurrency. The metric without dimensions is of all.
        # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
        alarm(
            self,
            "Throttled",
            alarm_description="Functions: throttled for 15 minutes (of the whole account)",
            command="order list --deferred",
            metric=cloudwatch.Metric(
                namespace="AWS/Lambda",
                metric_name="Throttles",
                period=Duration.minutes(5),
                statistic="Sum",
            ),
            evaluation_periods=3,
            alarms=self.topic,
        )

        # The group has a physical name, so a retained group would block the next deployment.
        self.schedules = scheduler.ScheduleGroup(
            self, "Schedules", removal_policy=RemovalPolicy.DESTROY
        )

        if env.dead_letters_watched:
            DeadLetterWatch(
                self, "DeadLetterWatch", env=env, schedules=self.schedules, alarms=self.topic
            )
        if env.dashboard:
            declare_dashboard(self, env=env)
        declare_log_queries(self, env=env)

        CfnOutput(self, "OperationsTopic", value=self.topic.topic_arn)
