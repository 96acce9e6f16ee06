"""A stage for one saga: actors that follow a script, the record, a journal, a repair queue."""

import io
import json
import zipfile
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

from emulator.cloud import Cloud
from lambdas.contracts.commands import Command
from stacks.constructs.saga.definition import build_definition
from stacks.constructs.saga.model import CommandCall, SagaRecord, SagaStep, Timeouts
from stacks.orders.saga_record import COLUMNS
from tests.support.saga_actors import (
    ACTOR,
    NAMES,
    Act,
    AlreadyCompensated,
    Irreversible,
    Refused,
    Undo,
)
from tests.support.waiting import wait_until

QUICK_TIMEOUTS = Timeouts(execution=300, action_retries=1, compensation_retries=1, max_delay=1)
"""It tries little again, and waits for a function as long as any saga: that may have to start."""
SECONDS = 120


def _command(name: str, base: type[Command]) -> type[Command]:
    return cast(type[Command], type(name, (base,), {"__slots__": ()}))


def policy(**statement: object) -> str:
    """An IAM policy document of one statement that allows something."""
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


class SagaHarness:
    """The saga under test on the local cloud, and what its actors did."""

    def __init__(self, cloud: Cloud, kind: str) -> None:
        self.dynamodb = cloud.client("dynamodb")
        self.sqs = cloud.client("sqs")
        self.states = cloud.client("stepfunctions")
        self._lambda = cloud.client("lambda")
        self._iam = cloud.client("iam")
        self._id = f"{kind.lower()}-{uuid4().hex[:6]}"
        self.records = self._table("records", "order_id")
        self.journal = self._table("journal", "order_id", "at")
        self.queue = self.sqs.create_queue(QueueName=f"repair-{self._id}")["QueueUrl"]
        steps = [
            SagaStep(
                action=self._call(action, Act),
                refusals=(Refused,),
                already_compensated=(AlreadyCompensated,),
                compensation=self._call(undo, Undo),
            )
            for action, undo in NAMES
        ]
        self._machine = self._create(kind, steps, completed="DONE", cancelled="CANCELLED")
        self._withdrawal = self._create(kind, steps)
        leaving = [*steps[:-1], replace(steps[-1], irreversible=(Irreversible,))]
        ends = {"completed": "DONE", "cancelled": "CANCELLED", "irreversible": "KEPT"}
        self._leaving = self._create(
            kind, leaving, completed_check=60, completed_shard="done-", **ends
        )

    def _create(self, kind: str, steps: list[SagaStep], **ends: Any) -> str:
        asl = build_definition(
            record=SagaRecord(
                table=cast(Any, SimpleNamespace(table_name=self.records)),
                columns=COLUMNS,
                initial="OPEN",
                compensated="UNDONE",
                **ends,
            ),
            steps=steps,
            versions=[1],
            repair_queue=cast(Any, SimpleNamespace(queue_url=self.queue)),
            timeouts=QUICK_TIMEOUTS,
        )
        arn: str = self.states.create_state_machine(
            name=f"saga-{uuid4().hex[:6]}",
            definition=json.dumps(asl),
            roleArn=self._role("states.amazonaws.com"),
            type=kind,
        )["stateMachineArn"]
        return arn

    def open(self, **script: str) -> dict[str, Any]:
        """Put an open record on the table; return the detail of the event that starts its saga."""
        order_id = uuid4().hex
        self.dynamodb.put_item(
            TableName=self.records,
            Item={
                "order_id": {"S": order_id},
                "state": {"S": "OPEN"},
                "sequence": {"N": "1"},
                "open_shard": {"S": "0"},
                "check_after": {"S": "2026-12-01T08:31:00+00:00"},
                "dedup_bucket": {"S": "2026-12-01T08:25+00:00 0"},
            },
        )
        data = {"order_id": order_id, "script": json.dumps(script), "lines": ["only one"]}
        metadata = {"subject": order_id, "sequence": 1, "schema_version": 1}
        return {"metadata": metadata, "data": data}

    def claim(self, detail: dict[str, Any], *, owner: str, until: int) -> None:
        """Put somebody else's claim on the record, until so many seconds since 1970."""
        self.dynamodb.update_item(
            TableName=self.records,
            Key={"order_id": {"S": detail["data"]["order_id"]}},
            UpdateExpression="SET claim_owner = :owner, claim_until = :until"
            " ADD claimed_by :owners",
            ExpressionAttributeValues={
                ":owner": {"S": owner},
                ":until": {"N": str(until)},
                ":owners": {"SS": [owner]},
            },
        )

    def add_out_of_band_event(self, detail: dict[str, Any]) -> None:
        """Count an event about the record that is not the saga's."""
        self.dynamodb.update_item(
            TableName=self.records,
            Key={"order_id": {"S": detail["data"]["order_id"]}},
            UpdateExpression="ADD out_of_band_events :one, #sequence :one",
            ExpressionAttributeNames={"#sequence": "sequence"},
            ExpressionAttributeValues={":one": {"N": "1"}},
        )

    def set_number(self, detail: dict[str, Any], *, deferrals: int) -> None:
        """Put on the record how often it was deferred."""
        self.dynamodb.update_item(
            TableName=self.records,
            Key={"order_id": {"S": detail["data"]["order_id"]}},
            UpdateExpression="SET deferrals = :number",
            ExpressionAttributeValues={":number": {"N": str(deferrals)}},
        )

    def rewrite(self, detail: dict[str, Any], **script: str) -> dict[str, Any]:
        """The same event, with actors that follow another script from now on."""
        return {**detail, "data": {**detail["data"], "script": json.dumps(script)}}

    def set_columns(self, detail: dict[str, Any], **columns: str) -> None:
        """Put texts on the record."""
        self.dynamodb.update_item(
            TableName=self.records,
            Key={"order_id": {"S": detail["data"]["order_id"]}},
            UpdateExpression="SET " + ", ".join(f"{name} = :{name}" for name in columns),
            ExpressionAttributeValues={f":{name}": {"S": text} for name, text in columns.items()},
        )

    def run(self, detail: dict[str, Any]) -> str:
        """Run one execution to its end and return its status."""
        return self._run(self._machine, detail)

    def withdraw(self, detail: dict[str, Any]) -> str:
        """The same, of the saga that only undoes."""
        return self._run(self._withdrawal, detail)

    def leave(self, detail: dict[str, Any]) -> str:
        """The same, of a saga whose last step may have been done for good."""
        return self._run(self._leaving, detail)

    def _run(self, machine: str, detail: dict[str, Any]) -> str:
        execution = self.states.start_execution(stateMachineArn=machine, input=json.dumps(detail))[
            "executionArn"
        ]

        def status() -> str:
            return str(self.states.describe_execution(executionArn=execution)["status"])

        wait_until(
            f"the saga did not end within {SECONDS} s",
            lambda: status() != "RUNNING",
            seconds=SECONDS,
        )
        return status()

    def record(self, detail: dict[str, Any]) -> dict[str, Any]:
        """The record as it is now, values without their types."""
        item = self.dynamodb.get_item(
            TableName=self.records, Key={"order_id": {"S": detail["data"]["order_id"]}}
        )["Item"]
        return {name: next(iter(value.values())) for name, value in item.items()}

    def calls(self, detail: dict[str, Any]) -> list[str]:
        """Which actors were called for the record, in order."""
        items = self.dynamodb.query(
            TableName=self.journal,
            KeyConditionExpression="order_id = :id",
            ExpressionAttributeValues={":id": {"S": detail["data"]["order_id"]}},
        )["Items"]
        return [item["call"]["S"] for item in items]

    def dead_letters(self) -> list[dict[str, Any]]:
        """What stands on the repair queue; reading takes it off."""
        messages = []
        while found := self.sqs.receive_message(
            QueueUrl=self.queue, MaxNumberOfMessages=10, WaitTimeSeconds=0
        ).get("Messages"):
            for message in found:
                messages.append(json.loads(message["Body"]))
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return messages

    def _table(self, name: str, *keys: str) -> str:
        types = {"order_id": "S", "at": "N"}
        table = f"{name}-{self._id}"
        self.dynamodb.create_table(
            TableName=table,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[
                {"AttributeName": key, "KeyType": kind}
                for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)
            ],
            AttributeDefinitions=[
                {"AttributeName": key, "AttributeType": types[key]} for key in keys
            ],
        )
        return table

    def _call(self, name: str, base: type[Command]) -> CommandCall:
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as bundle:
            bundle.writestr("actor.py", ACTOR)
        arn = self._lambda.create_function(
            FunctionName=f"{name}-{self._id}",
            Runtime="python3.13",
            Role=self._role("lambda.amazonaws.com"),
            Handler="actor.handler",
            Timeout=2,
            Code={"ZipFile": archive.getvalue()},
            Environment={
                "Variables": {"NAME": name, "JOURNAL": self.journal, "RECORDS": self.records}
            },
        )["FunctionArn"]
        return CommandCall(
            command=_command(name, base), function=cast(Any, SimpleNamespace(function_arn=arn))
        )

    def _role(self, service: str) -> str:
        name = f"{service.partition('.')[0]}-{uuid4().hex[:8]}"
        trust = policy(Action="sts:AssumeRole", Principal={"Service": service})
        role = self._iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
        self._iam.put_role_policy(
            RoleName=name, PolicyName="all", PolicyDocument=policy(Action="*", Resource="*")
        )
        arn: str = role["Role"]["Arn"]
        return arn
