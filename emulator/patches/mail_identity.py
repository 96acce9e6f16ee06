"""The sender's identity as the resource of SES's SendEmail.

AWS: a policy may allow SendEmail for one identity only.
https://docs.aws.amazon.com/ses/latest/dg/control-user-access.html
MiniStack 1.5.33: the resource is always `*`, so such a policy allows nothing.
Can go: when MiniStack names the identity.
"""

import json

from ministack.core import iam_actions

from emulator.patches._seams import seam

_SEND = "/v2/email/outbound-emails"


def install() -> None:
    """Use the sender's address of a SendEmail request as the resource of its permission."""
    arn_of = seam(
        iam_actions, "_ses_v2_resource_arn", "method", "path", "body", "region", "account_id"
    )

    def named(method: str, path: str, body: bytes, region: str, account_id: str) -> str:
        if (method, path.rstrip("/")) != ("POST", _SEND):
            return str(arn_of(method, path, body, region, account_id))
        sender = json.loads(body)["FromEmailAddress"]
        return f"arn:aws:ses:{region}:{account_id}:identity/{sender}"

    iam_actions._ses_v2_resource_arn = named
