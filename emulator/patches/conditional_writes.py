"""The condition key of S3's conditional writes.

AWS: a policy may require of `s3:PutObject` that the request has the header `If-None-Match`, with
the condition key `s3:if-none-match`.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
MiniStack 1.5.33: obeys the header, and does not know the key.
Can go: when MiniStack gives policies the key.
"""

from collections.abc import Mapping
from typing import Any

from ministack.core import iam_actions

from emulator.patches._seams import seam

HEADER = "if-none-match"


def install() -> None:
    """Give policies the header of a write."""
    known = seam(iam_actions, "_s3_object_context", "iam_action", "query_params", "path", "headers")

    def known_and_header(
        iam_action: str, query_params: Any, path: str, headers: Mapping[str, str]
    ) -> dict[str, Any]:
        keys = dict(known(iam_action, query_params, path, headers))
        if iam_action == "s3:PutObject" and HEADER in headers:
            keys[f"s3:{HEADER}"] = headers[HEADER]
        return keys

    iam_actions._s3_object_context = known_and_header
