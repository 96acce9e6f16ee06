"""The protocol of CloudFormation's custom resources.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html
"""

import json
import traceback
import urllib.request
from collections.abc import Callable
from typing import Any

from lambdas.runtime.log import log

_TIMEOUT = 10
# The whole answer may have 4,096 bytes, and a character up to six of them in JSON.
_REASON_LENGTH = 400


def respond(request: dict[str, Any], work: Callable[[], None]) -> None:
    """Do ``work`` and tell CloudFormation how it went.

    A failure is answered with its reason, so that the stack fails at once: without an answer it
    would wait for an hour. The resource's physical id never changes, so no update replaces it.

    Raises:
        OSError: the answer could not be delivered.
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
    except Exception as error:  # noqa: BLE001 -- whatever it is, the stack has to hear of it
        trace = traceback.format_exc()
        response["Status"] = "FAILED"
        response["Reason"] = f"{type(error).__name__}: {error}"[:_REASON_LENGTH]
    _put(request["ResponseURL"], json.dumps(response).encode())
    log(
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
