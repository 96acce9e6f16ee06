"""The custom resource, against the local cloud's IAM: access and privileges of the functions."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import boto3
import pytest
from pg8000.native import DatabaseError

from lambdas.payments import migrate
from lambdas.payments.charging import refund, take
from lambdas.payments.database import Database, connect
from lambdas.payments.grants import grant
from lambdas.payments.outbox import Outbox
from lambdas.runtime.bus import Bus
from tests.support.aws_fakes import FakeEvents
from tests.support.clients import sign_as
from tests.support.payments import (
    CardProvider,
    Watched,
    entries,
    kinds_in_outbox,
    ledger_of,
    refund_command,
    take_command,
)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    delivered: list[dict[str, str]] = []
    monkeypatch.setattr(
        "lambdas.runtime.custom_resource._put", lambda _, body: delivered.append(json.loads(body))
    )
    return delivered


@pytest.fixture
def iam_role(local_cloud, cluster) -> str:
    iam = local_cloud.client("iam")
    name = f"take-payment-{uuid4().hex[:8]}"
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"},
        ],
    }
    connect = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "dsql:DbConnect", "Resource": cluster["arn"]},
        ],
    }
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps(connect))
    return str(role["Role"]["Arn"])


@pytest.fixture
def as_function(local_cloud, iam_role, settings) -> Iterator[Database]:
    """The database as a function with that IAM role sees it."""
    assumed = local_cloud.client("sts").assume_role(RoleArn=iam_role, RoleSessionName="function")
    session = boto3.session.Session(
        assumed["Credentials"]["AccessKeyId"],
        assumed["Credentials"]["SecretAccessKey"],
        assumed["Credentials"]["SessionToken"],
        region_name=local_cloud.region,
    )
    settings.setenv("DATABASE_ROLE", "payments")
    sign_as(session, settings)
    database = Database()
    yield database
    database.close()


def request(kind: str, grants: object) -> dict[str, object]:
    return {
        "RequestType": kind,
        "ResponseURL": "https://answers.invalid",
        "StackId": "stack",
        "RequestId": "request",
        "LogicalResourceId": "Schema",
        "ResourceProperties": {"Grants": grants},
    }


@pytest.fixture
def deployed(admin, iam_role, answers) -> None:
    migrate.handler(request("Create", {"payments": [iam_role]}), None)
    assert answers == [answers[0] | {"Status": "SUCCESS"}]


def test_functions_have_the_privileges_for_their_commands(deployed, as_function):
    command, provider = take_command(), CardProvider()
    store = ledger_of(as_function)
    assert as_function.run("SELECT session_user::text") == [["payments"]]
    take(command, store, provider)
    refund(refund_command(command.order_id), store, provider)
    assert [row[0] for row in entries(as_function, command.order_id)] == ["CHARGE", "REFUND"]
    assert kinds_in_outbox(as_function, command.order_id) == []


def test_publish_outbox_has_the_privileges_for_its_sweep(deployed, as_function, monkeypatch):
    left, provider = take_command(), CardProvider()
    take(left, ledger_of(as_function, FakeEvents(broken=True)), provider)
    assert kinds_in_outbox(as_function, left.order_id) == ["CHARGE"]
    events = FakeEvents()
    monkeypatch.setattr("lambdas.payments.outbox.SWEEP_AFTER", 0)
    swept = Outbox(as_function, Bus("Orders", eventbridge=events)).sweep()
    assert (swept.published, swept.rejected) == (len(events.taken), 0)
    assert kinds_in_outbox(as_function, left.order_id) == []


FORBIDDEN = (
    "DELETE FROM payments.charges",
    "DELETE FROM payments.entries",
    "UPDATE payments.entries SET amount = 1",
    "UPDATE payments.outbox SET kind = 'REFUND'",
    "SELECT * FROM payments.schema_migrations",
    "CREATE TABLE payments.mine (id text PRIMARY KEY)",
    "DROP TABLE payments.entries",
    "CREATE ROLE another",
)


def test_functions_have_no_other_privileges(deployed, as_function):
    codes = {}
    for statement in FORBIDDEN:
        with pytest.raises(DatabaseError) as refused:
            as_function.run(statement)
        codes[statement] = refused.value.args[0]["C"]
    assert codes == dict.fromkeys(FORBIDDEN, "42501")


def test_iam_role_without_a_grant_is_denied(admin, as_function):
    grant(admin, "payments", [])
    with pytest.raises(DatabaseError, match="access denied"):
        as_function.run("SELECT 1")


def test_grants_given_as_json_are_made_once(admin, iam_role, answers, monkeypatch):
    statements: list[str] = []

    def connect_and_watch(timeout: float) -> Any:
        return Watched(connect(timeout), lambda _, sql: statements.append(sql))

    monkeypatch.setattr(migrate, "connect", connect_and_watch)
    for _ in range(2):
        migrate.handler(request("Update", json.dumps({"payments": [iam_role]})), None)
    assert [answer["Status"] for answer in answers] == ["SUCCESS"] * 2
    assert [sql for sql in statements if sql.startswith("AWS IAM")] == [
        f"AWS IAM GRANT \"payments\" TO '{iam_role}'"
    ]
    assert len([sql for sql in statements if sql.startswith("CREATE ROLE")]) <= 1


def test_role_name_is_quoted(admin):
    grant(admin, 'odd"; DROP SCHEMA payments; --', [])
    assert admin.run("SELECT 1 FROM pg_namespace WHERE nspname = 'payments'") == [[1]]


def test_failure_is_reported_with_its_reason(settings, answers, monkeypatch):
    monkeypatch.setattr(migrate, "_ROLE_WAIT", 0)
    settings.setenv("DATABASE_ROLE", "nobody")
    migrate.handler(request("Create", {"payments": []}), None)
    assert answers[0]["Status"] == "FAILED"
    assert answers[0]["Reason"].startswith("DatabaseError: ")


def test_denied_connection_is_retried_until_iam_knows_the_role(settings, answers, monkeypatch):
    refusals = iter([DatabaseError({"C": "28000"}), DatabaseError({"C": "28000"})])
    monkeypatch.setattr(migrate, "_RETRY_DELAY", 0)

    def known_at_third(timeout: float) -> object:
        for refusal in refusals:
            raise refusal
        return connect(timeout)

    monkeypatch.setattr(migrate, "connect", known_at_third)
    migrate.handler(request("Create", {}), None)
    assert answers[0]["Status"] == "SUCCESS"


def test_delete_request_does_not_connect(settings, answers, monkeypatch):
    def unreachable(_: float) -> None:
        raise AssertionError("the database was connected to")

    monkeypatch.setattr(migrate, "connect", unreachable)
    migrate.handler(request("Delete", {"payments": []}), None)
    assert answers[0]["Status"] == "SUCCESS"
