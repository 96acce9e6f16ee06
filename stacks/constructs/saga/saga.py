"""The construct of a saga: pairs of action and compensation, made into a state machine.

Every saga built here keeps these rules:

- It starts only for versions of the event that it can read. A record with another version is
  dead-lettered.
- It then claims its record with a conditional write of an owner and a lease. A redelivery of the
  event that starts it finds the claim and ends without an effect. The record lists the executions
  that claimed it, because Step Functions cannot be searched by record.
- A refusal is not retried. What was done before it is undone, in reverse order. One write records
  the reason first, for an execution that takes over.
- Any other failure is retried with backoff and full jitter. Then the record is deferred: one write
  releases the claim and says when to look at the record again, and why. Nothing is undone.
- After an earlier execution, a refusal undoes all steps, because the earlier one may have completed
  more of them.
- A cancellation request is honoured by the write that would confirm the record: all steps are
  undone instead. If the request, or the reason of a refusal, is there at the claim, all steps are
  undone at once.
- If the last step may be irreversible, its compensation has to answer before the others run. Until
  then the record is deferred. When the step is irreversible, nothing is undone.
- A failure of any other compensation does not stop the rest. If the error is transient, the record
  is deferred after the rest, and everything is undone again later. If the compensation fails for
  good, it is dead-lettered to the repair queue with all that is needed to finish it.
- The outcome is written together with the record's next sequence number. The number is that of the
  event that started the saga, plus the out-of-band events since, plus one. Writing it twice has the
  same effect as writing it once.
- If an execution ends without an outcome, the service has to publish its record's last event again,
  once ``check_after`` has come. An alarm reports each failed execution, because the next one may
  fail, too.
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
from stacks.constructs.function import NOT_TRACED
from stacks.constructs.nag import acknowledge
from stacks.constructs.saga.definition import build_definition
from stacks.constructs.saga.model import (
    EXPRESS_TIMEOUTS,
    STANDARD_TIMEOUTS,
    SagaRecord,
    SagaStep,
)
from stacks.constructs.trust import service_for_this_account
from stacks.environments import Environment


class Saga(Construct):
    """A saga's state machine, with the permissions that its definition needs and no others."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        env: Environment,
        record: SagaRecord,
        steps: Sequence[SagaStep],
        versions: Sequence[int],
        repair_queue: sqs.IQueue,
        alarms: sns.ITopic,
    ) -> None:
        """Declare the saga. A rule has to start its state machine, ``machine``.

        ``versions`` are those versions of the starting event in which the fields that the commands
        need are the same.
        """
        super().__init__(scope, id)
        express = env.saga_type == sfn.StateMachineType.EXPRESS
        trusted = service_for_this_account(self, "states.amazonaws.com")
        role = iam.Role(self, "Role", assumed_by=trusted)
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
            reason="the delivery of Step Functions' own logs knows no resources",
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
                        versions=versions,
                        repair_queue=repair_queue,
                        timeouts=EXPRESS_TIMEOUTS if express else STANDARD_TIMEOUTS,
                    )
                )
            ),
            role=role,
            # Without execution data: personal data must not be in a log.
            logs=sfn.LogOptions(
                destination=logs.LogGroup(
                    self,
                    "Logs",
                    log_group_name=f"/aws/vendedlogs/states/{env.stack_name(id)}".lower(),
                    retention=env.log_retention,
                    removal_policy=RemovalPolicy.DESTROY,
                ),
                # Step Functions keeps the history of a Standard execution for 90 days.
                level=sfn.LogLevel.ALL if express else sfn.LogLevel.ERROR,
                include_execution_data=False,
            ),
        )
        if not express:
            reason = "the history of an execution has all; the log would repeat it"
            acknowledge(self.machine, "AwsSolutions-SF1", reason=reason)
        for rule in ("AwsSolutions-SF2", "Serverless-StepFunctionStateMachineXray"):
            acknowledge(self.machine, rule, reason=NOT_TRACED)
        # https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html
        for end in ("TimedOut", "Aborted", "Failed"):
            alarm(
                self,
                end,
                alarm_description=f"{id}: an execution ended without writing an outcome: {end}",
                command="order list --stuck",
                metric=self.machine.metric(
                    f"Executions{end}", period=Duration.minutes(1), statistic="Sum"
                ),
                alarms=alarms,
            )
