"""A function that runs on a schedule."""

import json
from collections.abc import Mapping, Sequence

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.constructs.failed_invocations import dead_letter_failures
from stacks.constructs.grants import grant
from stacks.constructs.trust import service_for_this_account

SCHEDULE_HAS_DESTINATION = "a failed run goes to the function's failure destination"


class Schedule(Construct):
    """Invokes a function at a rate, within a flexible window.

    Retries: EventBridge Scheduler tries three times to invoke the function, asynchronously. Lambda
    does not retry a failed run: the next scheduled run does the work that was left.
    Dead letters: ``<Function>DeadLetters`` gets failed runs, and invocations that Scheduler could
    not make.
    Alarms: when that queue is not empty.
    https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html
    """

    def __init__(
        self,
        scope: Construct,
        *,
        function: lambda_.Function,
        every: Duration,
        group: scheduler.IScheduleGroup,
        alarms: sns.ITopic,
        runs: Sequence[Mapping[str, int]] = ({},),
    ) -> None:
        """Declare ``<Function>Schedule``; ``every`` is in whole minutes.

        ``runs`` are the events of the runs that begin each time, concurrently. An empty one stands
        for Scheduler's own event.
        """
        super().__init__(scope, f"{function.node.id}Schedule")
        dead_letters = dead_letter_failures(
            function,
            contents="failed scheduled runs",
            alarms=alarms,
            retry_attempts=0,
            max_event_age=every,
        )
        role = iam.Role(
            self,
            "Role",
            assumed_by=service_for_this_account(self, "scheduler.amazonaws.com"),
        )
        grant(role, "lambda:InvokeFunction", on=function.function_arn)
        grant(role, "sqs:SendMessage", on=dead_letters.queue_arn)
        minutes = int(every.to_minutes())
        for number, event in enumerate(runs):
            scheduler.CfnSchedule(
                self,
                f"Schedule{number or ''}",
                group_name=group.schedule_group_name,
                schedule_expression=f"rate({minutes} minute{'s' if minutes > 1 else ''})",
                flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(
                    mode="FLEXIBLE", maximum_window_in_minutes=1
                ),
                target=scheduler.CfnSchedule.TargetProperty(
                    arn=function.function_arn,
                    input=json.dumps(event) if event else None,
                    role_arn=role.role_arn,
                    dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(
                        arn=dead_letters.queue_arn
                    ),
                    retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                        maximum_event_age_in_seconds=60 * minutes, maximum_retry_attempts=3
                    ),
                ),
            )
