"""The protocol of CloudFormation's custom resources.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html
"""

import json
import traceback
import urllib.request
from collections.abc import Callable
from typing import Any

from lambdas.runtime.log import log, log_error

_TIMEOUT = 10
# The whole response may have 4,096 bytes, and a character may take six bytes in JSON.
_REASON_LENGTH = 400


def respond(request: dict[str, Any], work: Callable[[], None]) -> None:
    """Do ``work`` and report the result to CloudFormation.

    A failure is reported with its reason, so that the stack fails at once; without a response,
    CloudFormation would wait for an hour. The resource's physical id never changes, so no update
    replaces the resource.

    Raises:
        OSError: the response could not be delivered.
    """
    trace = None
    response = {
        "Status": "SUCCESS",
        "PhysicalResourceId": request.get("PhysicalResourceId") or request["LogicalResourceId"],
        "StackId": request["StackId"],
        "RequestId": request["RequestId"],
        "LogicalResourceId": request["LogicalResourceId"],
    }
    try:
        work()
    except Exception as error:  # noqa: BLE001 -- CloudFormation must learn of any failure
        trace = traceback.format_exc()
        response["Status"] = "FAILED"
        response["Reason"] = f"{type(error).__name__}: {error}"[:_REASON_LENGTH]
    _put(request["ResponseURL"], json.dumps(response).encode())
    write = log_error if trace else log
    write(
        "custom_resource_handled",
        resource=request["LogicalResourceId"],
        request=request["RequestType"],
        status=response["Status"],
        trace=trace,
    )


def _put(url: str, body: bytes) -> None:
    # The URL is signed for a request without content type; urllib would add one of its own.
    request = urllib.request.Request(  # noqa: S310 -- CloudFormation gave us the URL
        url, data=body, headers={"Content-Type": ""}, method="PUT"
    )
    with urllib.request.urlopen(request, timeout=_TIMEOUT):  # noqa: S310
        pass
