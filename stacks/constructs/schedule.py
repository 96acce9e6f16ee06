"""Work that is done again and again."""

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.constructs.destinations import to_queue
from stacks.constructs.grants import grant
from stacks.constructs.queue import DeadLetterQueue

SCHEDULE_HAS_DESTINATION = "a failed run goes to the function's failure destination"


class Schedule(Construct):
    """Calls a function at a rate, within a flexible window.

    EventBridge Scheduler calls it asynchronously. A run that fails is not repeated: the next run
    does what it left. It is parked all the same, as is a call that Scheduler could not make, so
    that somebody hears of it.
    https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        function: lambda_.Function,
        every: Duration,
        group: scheduler.IScheduleGroup,
        alarms: sns.ITopic,
    ) -> None:
        """Declare the schedule; ``every`` is in whole minutes."""
        super().__init__(scope, id)
        dead_letters = DeadLetterQueue(
            self,
            "DeadLetters",
            consumer=function.node.id,
            contents="failed scheduled runs",
            alarms=alarms,
        )
        function.configure_async_invoke(
            retry_attempts=0,
            max_event_age=every,
            on_failure=to_queue(dead_letters),
        )
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
            ),
        )
        grant(role, "lambda:InvokeFunction", on=function.function_arn)
        grant(role, "sqs:SendMessage", on=dead_letters.queue_arn)
        minutes = int(every.to_minutes())
        scheduler.CfnSchedule(
            self,
            "Schedule",
            group_name=group.schedule_group_name,
            schedule_expression=f"rate({minutes} minute{'s' if minutes > 1 else ''})",
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(
                mode="FLEXIBLE", maximum_window_in_minutes=1
            ),
            target=scheduler.CfnSchedule.TargetProperty(
                arn=function.function_arn,
                role_arn=role.role_arn,
                dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(
                    arn=dead_letters.queue_arn
                ),
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                    maximum_event_age_in_seconds=60 * minutes, maximum_retry_attempts=3
                ),
            ),
        )
