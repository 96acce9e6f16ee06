"""A CloudWatch Logs group as the target of an EventBridge rule.

AWS: each event becomes one log event, whole, as JSON, in a stream of the group, provided that a
resource policy of CloudWatch Logs lets `events.amazonaws.com` (or `delivery.logs.amazonaws.com`)
create streams and put events there.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-cloudwatchlogs-permissions
MiniStack 1.5.33: logs "unsupported target type" and drops the event.
Can go: when an event on a rule with such a target can be read from the group.

Input transformations of such a target are not supplied.
"""

import json
import logging
from collections.abc import Mapping
from typing import Any

from ministack.core import iam_evaluator
from ministack.services import cloudwatch_logs, eventbridge

from local.supplements._cloudformation import call

logger = logging.getLogger("local.logs_target")

_STREAM = "events"
_SENDERS = ("events.amazonaws.com", "delivery.logs.amazonaws.com")


def install() -> None:
    """Deliver events to log groups, and all others as before."""
    invoke_target = eventbridge._invoke_target

    def invoke(target: Mapping[str, Any], event: Any, rule: Any, view: Any = None) -> None:
        if target.get("Arn", "").split(":")[2:3] != ["logs"]:
            invoke_target(target, event, rule, view)
            return
        view = view or eventbridge._pattern_event_view(event)
        _deliver(target["Arn"].removesuffix(":*"), view.event_with_detail(), rule["Arn"])

    eventbridge._invoke_target = invoke


def _deliver(group_arn: str, event: Mapping[str, Any], rule_arn: str) -> None:
    group = group_arn.split(":log-group:")[1]
    if not all(_allowed(a, group_arn, rule_arn) for a in ("CreateLogStream", "PutLogEvents")):
        logger.warning("no Logs resource policy lets events.amazonaws.com write to %s", group)
        return
    if group not in cloudwatch_logs._log_groups:
        logger.warning("the event's target %s does not exist", group)
        return
    name = {"logGroupName": group, "logStreamName": _STREAM}
    if _STREAM not in cloudwatch_logs._log_groups[group]["streams"]:
        call(cloudwatch_logs._create_log_stream(name))
    line = {"message": json.dumps(event, separators=(",", ":"))}
    call(cloudwatch_logs._put_log_events({**name, "logEvents": [line]}))


def _allowed(action: str, group_arn: str, rule_arn: str) -> bool:
    _, _, _, region, account, *_ = group_arn.split(":")
    return any(
        iam_evaluator.evaluate_resource_policy(
            policy["policyDocument"],
            iam_evaluator.EvalContext(
                principal_arn=sender,
                principal_type="Service",
                principal_account=account,
                action=f"logs:{action}",
                resource_arn=f"{group_arn}:log-stream:{_STREAM}",
                region=region,
                service_context={"aws:sourcearn": rule_arn, "aws:sourceaccount": account},
            ),
            service=sender,
        ).decision
        == "Allow"
        for policy in cloudwatch_logs._resource_policies.values()
        for sender in _SENDERS
    )
