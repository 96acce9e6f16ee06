"""A custom resource whose function fails without an answer fails at once.

AWS: CloudFormation waits for the function's answer until the service timeout, an hour unless the
resource states another, and then fails the resource.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudformation-customresource.html
MiniStack 1.5.33: does the same, which on a laptop looks like a deployment that hangs.
Here: the resource fails at once, with the function's own error.
Can go: when MiniStack reports a failed function's error itself.
"""

from typing import Any

from ministack.services import lambda_svc
from ministack.services.cloudformation import custom_resource


def install() -> None:
    """Check the result of each invocation that CloudFormation makes."""
    execute = lambda_svc._execute_function_with_config_scope

    def executed(function: Any, event: Any) -> Any:
        result = execute(function, event)
        if isinstance(event, dict) and "ResponseURL" in event and result.get("error"):
            _fail(event["ResponseURL"].rpartition("/")[2], result["body"])
        return result

    lambda_svc._execute_function_with_config_scope = executed


def _fail(token: str, error: dict[str, Any]) -> None:
    unanswered = custom_resource._pending.get(token, {}).get("result", ...) is None
    if unanswered:
        reason = f"{error.get('errorType')}: {error.get('errorMessage')}"
        custom_resource.deliver_response(token, {"Status": "FAILED", "Reason": reason})
