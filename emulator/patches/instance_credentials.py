"""An instance gets the credentials of its profile's role from the instance metadata service.

AWS: `/latest/meta-data/iam/security-credentials/<role>` answers with credentials of that role. EC2
assumes it on behalf of the instance: its trust policy names EC2 and nobody else.
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html
MiniStack 1.5.33: it knows one invented role, whose credentials belong to no principal.
Can go: when the metadata service answers for the roles that instance profiles hold.

There are no instances here, only processes that take their place. Each names the role that it has.
"""

import json
from typing import Any

from ministack.core.responses import get_account_id
from ministack.services import iam, imds, sts

ROLES = "/latest/meta-data/iam/security-credentials/"
Answer = tuple[int, dict[str, str], bytes]


def install() -> None:
    """Answer for roles of instance profiles; leave all other paths to MiniStack."""
    handle = imds.handle_request

    async def handle_request(method: str, path: str, headers: Any, *rest: Any) -> Answer:
        name = path.removeprefix(ROLES)
        held = any(name in profile["Roles"] for profile in iam._instance_profiles.values())
        if method != "GET" or not path.startswith(ROLES) or not held:
            answer: Answer = await handle(method, path, headers, *rest)
            return answer
        if not imds._check_token(headers):
            return 401, {}, b""
        return 200, {"Content-Type": "application/json"}, json.dumps(_credentials(name)).encode()

    imds.handle_request = handle_request


def _credentials(role: str) -> dict[str, Any]:
    """Return credentials of the role. They never expire, because a process cannot renew them."""
    document: dict[str, Any] = imds._credentials_doc()
    arn = f"arn:aws:sts::{get_account_id()}:assumed-role/{role}/{imds._INSTANCE_ID}"
    sts.register_session(
        document["AccessKeyId"],
        {
            "Arn": arn,
            "UserId": f"{iam._roles[role]['RoleId']}:{imds._INSTANCE_ID}",
            "SecretAccessKey": document["SecretAccessKey"],
            "SessionToken": document["Token"],
            "AccountId": get_account_id(),
            "PrincipalType": "AssumedRole",
        },
    )
    return document
