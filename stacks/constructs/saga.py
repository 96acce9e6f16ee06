"""Sagas: pairs of action and compensation, made into a state machine.

What holds for every saga built here:

- It first claims its record by a conditional write with an owner and a lease. A second delivery of
  the event that starts it finds the claim, and ends at once and harmlessly. The record keeps who
  claimed it, of which Step Functions itself knows no way back from the record.
- A refusal is never retried; what was done before it is undone, in reverse order.
- Any other failure is retried with backoff and full jitter; then undoing starts with the failed
  step itself, because after a time-out nobody knows whether it took effect; or with the last one,
  where that may be past undoing: then nothing is undone.
- An execution that took an expired claim over undoes everything when it fails, however far it came
  itself: the one before it may have come further.
- A wish to cancel is heeded by the write that would confirm the record: all is undone instead. If
  it was there when the record was claimed, whatever is undone is undone for its sake.
- A compensation that fails for good is parked on the repair queue with all that is needed to
  finish it, and the others run on. So is a record whose outcome could not be written.
- The outcome is written together with the record's next sequence number, counted from the event
  that started the saga, behind what others have told of it since: written twice, it is the same
  write.
- An execution that ends without a word leaves its record to be announced again. That may go on for
  ever, so people hear of each.
"""

from collections.abc import Sequence

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from stacks.constructs.alarm import alarm
from stacks.constructs.nag import acknowledge
from stacks.constructs.saga_definition import build_definition
from stacks.constructs.saga_steps import EXPRESS_TIMEOUTS, STANDARD_TIMEOUTS, SagaRecord, SagaStep
from stacks.environments import Environment


class Saga(Construct):
    """A saga's state machine, with the right to do what its definition says and nothing else."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        env: Environment,
        record: SagaRecord,
        steps: Sequence[SagaStep],
        repair_queue: sqs.IQueue,
        alarms: sns.ITopic,
    ) -> None:
        """Declare the saga; ``machine`` is its state machine, to be started by a rule."""
        super().__init__(scope, id)
        express = env.saga_type == sfn.StateMachineType.EXPRESS
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("states.amazonaws.com"))
        calls = [step.action for step in steps] if record.completed else []
        calls += [step.compensation for step in steps]
        for actions, resources in (
            (["lambda:InvokeFunction"], [call.function.function_arn for call in calls]),
            (["dynamodb:UpdateItem"], [record.table.table_arn]),
            (["sqs:SendMessage"], [repair_queue.queue_arn]),
        ):
            role.add_to_policy(iam.PolicyStatement(actions=actions, resources=resources))
        acknowledge(
            role,
            "AwsSolutions-IAM5[Resource::*]",
            reason="X-Ray and the delivery of Step Functions' own logs know no resources",
        )
        self.machine = sfn.StateMachine(
            self,
            "Machine",
            state_machine_type=env.saga_type,
            definition_body=sfn.DefinitionBody.from_string(
                Stack.of(self).to_json_string(
                    build_definition(
                        record=record,
                        steps=steps,
                        repair_queue=repair_queue,
                        timeouts=EXPRESS_TIMEOUTS if express else STANDARD_TIMEOUTS,
                    )
                )
            ),
            role=role,
            # The history without the data: orders are in orders' table, not in a log.
            logs=sfn.LogOptions(
                destination=logs.LogGroup(
                    self,
                    "Logs",
                    log_group_name=f"/aws/vendedlogs/states/{env.stack_name(id)}".lower(),
                    retention=env.log_retention,
                    removal_policy=RemovalPolicy.DESTROY,
                ),
                level=sfn.LogLevel.ALL,
                include_execution_data=False,
            ),
            tracing_enabled=True,
        )
        # https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html
        for end in ("TimedOut", "Aborted", "Failed"):
            alarm(
                self,
                end,
                alarm_description=f"{id}: an execution ended without writing an outcome: {end}",
                metric=self.machine.metric(
                    f"Executions{end}", period=Duration.minutes(1), statistic="Sum"
                ),
                alarms=alarms,
            )
