"""A service acts only if it may, a denial names who may not do what, and every use is on record."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from ministack.core.responses import request_scope
from ministack.services import cloudwatch_logs, iam, kms, lambda_svc, sns, sqs

from emulator.cloud import UsedPermission
from emulator.patches import permissions
from emulator.patches._permission_record import record_in
from emulator.patches.permissions import AccessDenied, Principal, Role, check
from tests.integration.emulated_account import (
    ACCOUNT,
    EVENTS,
    FUNCTION,
    INVOKE,
    OTHER,
    PUBLISH,
    QUEUE,
    REGION,
    ROLE,
    RULE,
    SEND,
    SNS,
    STREAM,
    TOPIC,
    WORKER,
    WRITE,
    Account,
    by,
    policy,
    used,
)


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    services = (iam, sqs, sns, lambda_svc, cloudwatch_logs, kms)
    record_in(tmp_path / "record")
    with request_scope(ACCOUNT, REGION):
        yield Account()
        for service in services:
            service.reset()


def test_role_is_allowed_by_its_policy(account: Account) -> None:
    account.queue()
    account.worker(SEND)
    check(WORKER, SEND, QUEUE)
    denial = f"{ROLE} is not authorized to perform: sqs:DeleteMessage on resource: {QUEUE}"
    with pytest.raises(AccessDenied, match=denial):
        check(WORKER, "sqs:DeleteMessage", QUEUE)


def test_role_is_allowed_by_the_resources_policy(account: Account) -> None:
    account.worker()
    account.queue(by(WORKER, SEND))
    check(WORKER, SEND, QUEUE)


def test_role_denied_by_the_resource_policy_is_denied(account: Account) -> None:
    account.worker(SEND)
    account.queue(by(WORKER, SEND, effect="Deny"))
    with pytest.raises(AccessDenied):
        check(WORKER, SEND, QUEUE)


def test_action_outside_the_roles_boundary_is_denied(account: Account) -> None:
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/boundary"
    iam._policies[boundary] = {
        "DefaultVersionId": "v1",
        "Versions": {"v1": {"Document": policy("sqs:*")}},
    }
    account.worker(SEND, PUBLISH, boundary=boundary)
    account.queue()
    check(WORKER, SEND, QUEUE)
    with pytest.raises(AccessDenied, match=PUBLISH):
        check(WORKER, PUBLISH, TOPIC)


def test_service_cannot_act_under_a_role_that_does_not_trust_it(account: Account) -> None:
    account.worker(SEND, trusts="scheduler.amazonaws.com")
    account.queue()
    check(Role(arn=ROLE, service="scheduler.amazonaws.com", source_arn=RULE), SEND, QUEUE)
    with pytest.raises(AccessDenied, match=f"events.amazonaws.com .* sts:AssumeRole on .*{ROLE}"):
        check(Role(arn=ROLE, service="events.amazonaws.com", source_arn=RULE), SEND, QUEUE)


def test_missing_role_is_denied(account: Account) -> None:
    account.queue()
    with pytest.raises(AccessDenied, match="role/worker is not authorized"):
        check(WORKER, SEND, QUEUE)


@pytest.mark.parametrize(
    ("kind", "action", "resource"),
    [
        ("queue", SEND, QUEUE),
        ("topic", PUBLISH, TOPIC),
        ("function", INVOKE, FUNCTION),
        ("logs", WRITE, STREAM),
    ],
)
def test_service_is_allowed_by_the_resources_policy_for_that_source_only(
    account: Account, kind: str, action: str, resource: str
) -> None:
    getattr(account, kind)(by(EVENTS, action))
    check(EVENTS, action, resource)
    for refused in (OTHER, SNS):
        denial = f"{refused.name} is not authorized to perform: {action} on resource: {resource}"
        with pytest.raises(AccessDenied, match=denial):
            check(refused, action, resource)


def test_service_denied_by_one_of_several_policies_is_denied(account: Account) -> None:
    account.logs(by(EVENTS, WRITE), "allows")
    check(EVENTS, WRITE, STREAM)
    account.logs(by(EVENTS, WRITE, effect="Deny"), "denies")
    with pytest.raises(AccessDenied):
        check(EVENTS, WRITE, STREAM)


def test_service_is_denied_without_a_policy(account: Account) -> None:
    account.queue()
    with pytest.raises(AccessDenied, match=SEND):
        check(EVENTS, SEND, QUEUE)


def test_condition_on_further_keys_is_checked(account: Account) -> None:
    allowed = policy(
        SEND,
        Principal={"Service": EVENTS.name},
        Condition={
            "StringEquals": {"aws:SourceAccount": ACCOUNT, "events:source": "shop"},
            "Bool": {"aws:SecureTransport": "true"},
        },
    )
    account.queue(allowed)
    check(EVENTS, SEND, QUEUE, events_source="shop")
    with pytest.raises(AccessDenied):
        check(EVENTS, SEND, QUEUE)


@pytest.mark.parametrize("principal", [EVENTS, WORKER])
@pytest.mark.parametrize("missing", ["kms:Decrypt", "kms:GenerateDataKey"])
def test_encrypted_queue_needs_rights_on_its_customer_managed_key(
    account: Account, principal: Principal, missing: str
) -> None:
    rights = {"kms:Decrypt", "kms:GenerateDataKey"}
    account.worker(SEND, *rights)
    account.queue(by(EVENTS, SEND), account.key(by(principal, *rights)))
    check(principal, SEND, QUEUE)

    key = account.key(by(principal, *(rights - {missing})))
    sqs.reset()
    account.queue(by(EVENTS, SEND), key)
    with pytest.raises(AccessDenied, match=f"{missing} on resource: {key}"):
        check(principal, SEND, QUEUE)


def test_aws_managed_key_denies_services(account: Account) -> None:
    account.worker(SEND)
    account.queue(by(EVENTS, SEND), "alias/aws/sqs")
    check(WORKER, SEND, QUEUE)
    with pytest.raises(AccessDenied, match=r"kms:Decrypt on resource: .*alias/aws/sqs"):
        check(EVENTS, SEND, QUEUE)


def test_changed_policy_takes_effect_at_once(account: Account) -> None:
    account.function(by(EVENTS, INVOKE))
    check(EVENTS, INVOKE, FUNCTION)
    statement = lambda_svc._functions["work"]["policy"]["Statement"].pop()
    with pytest.raises(AccessDenied):
        check(EVENTS, INVOKE, FUNCTION)
    lambda_svc._functions["work"]["policy"]["Statement"].append(statement)
    check(EVENTS, INVOKE, FUNCTION)


# What is on record


def test_used_permission_is_recorded_once_and_denied_one_is_not(
    account: Account, tmp_path: Path
) -> None:
    account.worker("sqs:ReceiveMessage")
    account.queue(by(EVENTS, SEND))
    for _ in range(2):
        check(WORKER, "sqs:ReceiveMessage", QUEUE)
        check(EVENTS, SEND, QUEUE)
    with pytest.raises(AccessDenied):
        check(WORKER, SEND, QUEUE)
    assert used(tmp_path) == [
        UsedPermission(ROLE, "sqs:ReceiveMessage", QUEUE, ""),
        UsedPermission(EVENTS.name, SEND, QUEUE, RULE),
    ]


def test_repeated_denial_is_logged_once(account: Account, caplog: pytest.LogCaptureFixture) -> None:
    account.queue()
    account.worker()
    permissions._warn_once.cache_clear()
    for _ in range(3):
        with pytest.raises(AccessDenied):
            check(WORKER, SEND, QUEUE)
    # The emulator logs its own messages, at a level that its first import sets.
    said = [each.getMessage() for each in caplog.records if each.name == permissions.logger.name]
    assert said == [f"{ROLE} is not authorized to perform: {SEND} on resource: {QUEUE}"]
