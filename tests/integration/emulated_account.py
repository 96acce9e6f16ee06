"""Resources of the emulator in this process, their policies, and who asks for what."""

import json
from pathlib import Path
from typing import Any

from ministack.services import cloudwatch_logs, iam, kms, lambda_svc, sns, sqs

from emulator.cloud import UsedPermission
from emulator.patches.permissions import Principal, Role, Service

ACCOUNT, REGION = "000000000000", "eu-west-1"
PLACE = f"{REGION}:{ACCOUNT}"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/worker"
RULE = f"arn:aws:events:{PLACE}:rule/orders/start"
QUEUE, TOPIC = f"arn:aws:sqs:{PLACE}:work", f"arn:aws:sns:{PLACE}:stock"
FUNCTION = f"arn:aws:lambda:{PLACE}:function:work"
GROUP = f"arn:aws:logs:{PLACE}:log-group:/events"
STREAM = f"{GROUP}:log-stream:events"

WORKER = Role(arn=ROLE)
EVENTS = Service(name="events.amazonaws.com", source_arn=RULE)


def policy(*actions: str, effect: str = "Allow", **rest: Any) -> str:
    statement = {"Effect": effect, "Action": list(actions), "Resource": "*", **rest}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def by(principal: Principal, *actions: str, effect: str = "Allow") -> str:
    """A resource's policy about this principal, and about no other."""
    if isinstance(principal, Role):
        return policy(*actions, effect=effect, Principal={"AWS": principal.arn})
    only = {"ArnEquals": {"aws:SourceArn": principal.source_arn}}
    return policy(*actions, effect=effect, Principal={"Service": principal.name}, Condition=only)


class Account:
    """The emulator's resources in this process, which no server serves."""

    def worker(self, *actions: str, boundary: str = "", trusts: str = "") -> None:
        iam._roles["worker"] = {
            "Arn": ROLE,
            "InlinePolicies": {"p": policy(*actions)} if actions else {},
            "AttachedPolicies": [],
            "PermissionsBoundary": boundary,
            "AssumeRolePolicyDocument": policy("sts:AssumeRole", Principal={"Service": trusts}),
        }

    def queue(self, policy: str = "", key: str = "") -> None:
        attributes = {"Policy": policy, "KmsMasterKeyId": key}
        given = {name: value for name, value in attributes.items() if value}
        sqs._act_create_queue({"QueueName": "work", "Attributes": given}, "")

    def topic(self, policy: str, key: str = "") -> None:
        attributes = {"Policy": policy, "TopicArn": TOPIC, "KmsMasterKeyId": key}
        sns._topics[TOPIC] = {"attributes": attributes}

    def function(self, policy: str) -> None:
        lambda_svc._functions["work"] = {"policy": json.loads(policy)}

    def logs(self, policy: str, name: str = "p") -> None:
        cloudwatch_logs._put_resource_policy({"policyName": name, "policyDocument": policy})

    def key(self, policy: str) -> str:
        _, _, answer = kms._create_key({"Policy": policy})
        return str(json.loads(answer)["KeyMetadata"]["Arn"])


def used(tmp_path: Path) -> list[UsedPermission]:
    record = tmp_path / "record"
    written = record.read_text().splitlines() if record.exists() else []
    return [UsedPermission(*json.loads(line)) for line in written]


SEND, PUBLISH, INVOKE = "sqs:SendMessage", "sns:Publish", "lambda:InvokeFunction"
WRITE = "logs:PutLogEvents"
OTHER = Service(name="events.amazonaws.com", source_arn=f"{RULE}-other")
SNS = Service(name="sns.amazonaws.com", source_arn=RULE)
