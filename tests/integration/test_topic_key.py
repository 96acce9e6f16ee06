"""The key of the operations topic: alarms, rules and roles publish with it, and nobody else.

The policy is the one in the template of ``prod``; the emulator decides as AWS documents.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ministack.core.responses import request_scope
from ministack.services import iam, kms, sns

from emulator.patches._permission_record import record_in
from emulator.patches.permissions import AccessDenied, Principal, Service, check
from tests.integration.emulated_account import (
    ACCOUNT,
    EVENTS,
    PLACE,
    PUBLISH,
    REGION,
    TOPIC,
    WORKER,
    Account,
    policy,
)
from tests.support.template_snapshots import snapshot_templates

ALARM = f"arn:aws:cloudwatch:{PLACE}:alarm:waiting"
STRANGER = ALARM.replace(ACCOUNT, "999999999999")
KNOWN = {"AWS::Partition": "aws", "AWS::Region": REGION, "AWS::AccountId": ACCOUNT}


def resolved(value: Any) -> Any:
    match value:
        case {"Ref": name}:
            return KNOWN[name]
        case {"Fn::Join": [between, parts]}:
            return between.join(map(resolved, parts))
        case dict():
            return {name: resolved(inner) for name, inner in value.items()}
        case list():
            return [resolved(inner) for inner in value]
    return value


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    """An account whose topic lets everybody publish, and is encrypted with our key."""
    (key,) = (
        declared["Properties"]
        for template in snapshot_templates("prod").values()
        for declared in template["Resources"].values()
        if declared["Type"] == "AWS::KMS::Key"
    )
    record_in(tmp_path / "record")
    with request_scope(ACCOUNT, REGION):
        account = Account()
        account.worker(PUBLISH)
        ours = account.key(json.dumps(resolved(key["KeyPolicy"])))
        account.topic(policy(PUBLISH, Principal="*"), ours)
        yield account
        for service in (iam, kms, sns):
            service.reset()


@pytest.mark.parametrize(
    "publisher",
    [WORKER, EVENTS, Service(name="cloudwatch.amazonaws.com", source_arn=ALARM)],
    ids=["role", "rule", "alarm"],
)
def test_role_rule_and_alarm_publish(account: Account, publisher: Principal):
    check(publisher, PUBLISH, TOPIC)


@pytest.mark.parametrize(
    "publisher",
    [
        Service(name="cloudwatch.amazonaws.com", source_arn=STRANGER),
        Service(name="s3.amazonaws.com", source_arn=ALARM),
    ],
    ids=["alarm of another account", "another service"],
)
def test_nobody_else_publishes(account: Account, publisher: Principal):
    with pytest.raises(AccessDenied, match="kms:Decrypt"):
        check(publisher, PUBLISH, TOPIC)
