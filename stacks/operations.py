"""Operations: what people on call need."""

from aws_cdk import CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.environments import Environment


class OperationsStack(Stack):
    """The topic to which alarms go and orders that need a person, and the group of schedules."""

    def __init__(self, scope: Construct, *, env: Environment) -> None:
        super().__init__(scope, env.stack_name("Operations"))

        self.topic = sns.Topic(self, "Topic", display_name="Orders operations", enforce_ssl=True)
        # A topic with a policy of its own has lost the default one, by which alarms reach it.
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": self.account}},
            )
        )

        # It has a name, by which one that stayed would be in the way of the next deployment.
        self.schedules = scheduler.ScheduleGroup(
            self, "Schedules", removal_policy=RemovalPolicy.DESTROY
        )

        CfnOutput(self, "OperationsTopic", value=self.topic.topic_arn)
