"""Authorization where the emulator has none, and a record of every permission that was used.

AWS: a service that acts for an account needs permissions. It acts either with a role (a state
machine, an event source mapping, a destination, a rule or schedule with a role), which has to trust
the service, or as itself, and then the resource's policy has to allow it. If a queue or topic is
encrypted with a customer's key, its messages need permissions for that key, too; the policy of an
AWS managed key allows no service to use it.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-basics-id-rb.html
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
MiniStack 1.5.33: authorizes requests from outside only.
Can go: when MiniStack authorizes its services' own deliveries as well; then the record remains.

Decisions are cached, so a condition on the time of day is evaluated only once.
"""

import functools
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import apigateway, cloudwatch_logs, iam, kms, lambda_svc, sns, sqs, sts

from emulator.patches._permission_record import record

logger = logging.getLogger("emulator.permissions")


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A role with which a service acts.

    If ``service`` is given, the role's trust policy must allow that service to assume the role.
    """

    arn: str
    service: str = ""
    source_arn: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service that acts as itself, such as events.amazonaws.com, on behalf of one resource."""

    name: str
    source_arn: str


Principal = Role | Service


class AccessDenied(Exception):
    """The principal lacks the permission; the message names principal, action and resource."""


def install() -> None:
    """Record the decisions about requests; authorize calls of HTTP APIs and functions' logs."""
    _wrap_requests()
    _wrap_http_apis()
    _wrap_function_logs()


def _wrap_requests() -> None:
    enforce = iam_evaluator.enforce

    def enforced(key: str, action: str, service: str, region: str, resource_arn: str = "*",
                 service_context: Mapping[str, Any] | None = None) -> Any:  # fmt: skip
        denied = enforce(key, action, service, region, resource_arn, service_context)
        session = sts._sessions.get(key)
        if denied is None and session:
            record(_role_of_session(session["Arn"]), action, resource_arn)
        elif isinstance(denied, iam_evaluator.EvalResult):
            logger.warning("%s", _denial(denied.principal_arn, action, resource_arn))
        return denied

    iam_evaluator.enforce = enforced


def _wrap_http_apis() -> None:
    """Require that the policy of a route's function allows API Gateway to invoke it.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
    """
    invoke = apigateway._invoke_lambda_proxy

    async def invoked(
        integration: Any, api_id: str, stage: str, path: str, method: str, headers: Any,
        body: Any, query: Any, route: str, parameters: Any, **named: Any,
    ) -> Any:  # fmt: skip
        place = f"{named['owner_region']}:{named['owner_account_id']}"
        caller = Service(
            name="apigateway.amazonaws.com",
            source_arn=f"arn:aws:execute-api:{place}:{api_id}/{stage}/{route.replace(' ', '')}",
        )
        function = apigateway._extract_lambda_ref_from_integration_uri(
            integration.get("integrationUri", "")
        )
        try:
            check(caller, "lambda:InvokeFunction", function)
        except AccessDenied:
            answer = json.dumps({"message": "Internal Server Error"}).encode()
            return 500, {"Content-Type": "application/json"}, answer
        return await invoke(
            integration, api_id, stage, path, method, headers, body, query, route, parameters,
            **named,
        )  # fmt: skip

    apigateway._invoke_lambda_proxy = invoked


def _wrap_function_logs() -> None:
    """Write a function's logs only if its role allows it. The function runs in any case.

    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html
    """
    emit = lambda_svc._emit_lambda_logs

    def emitted(function: Mapping[str, Any], *rest: Any, **named: Any) -> None:
        config = function.get("config") or function
        stated = (config.get("LoggingConfig") or {}).get("LogGroup")
        group = stated or f"/aws/lambda/{config['FunctionName']}"
        streams = f"{cloudwatch_logs._make_group_arn_no_star(group)}:log-stream:*"
        try:
            for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
                check(Role(arn=config["Role"]), action, streams)
        except AccessDenied:
            return
        emit(function, *rest, **named)

    lambda_svc._emit_lambda_logs = emitted


def check(principal: Principal, action: str, resource: str, **context: str) -> None:
    """Raise AccessDenied unless `principal` may do `action` (`sqs:SendMessage`) on `resource`.

    `resource` is an ARN. `context` has further condition keys, written with `_` for `:`.
    """
    keys = {name.replace("_", ":", 1).lower(): value for name, value in context.items()}
    if isinstance(principal, Role) and principal.service:
        trust = _document((_role(principal.arn) or {}).get("AssumeRolePolicyDocument"))
        service = Service(name=principal.service, source_arn=principal.source_arn)
        _require(service, "sts:AssumeRole", principal.arn, keys, (trust,))
    _require(principal, action, resource, keys, _resource_policies(resource))
    for needed, key in _encryption(principal, action, resource):
        of_key = keys | _keys_of_encryption(principal, resource)
        _require(principal, needed, key, of_key, _resource_policies(key))


def _require(
    principal: Principal,
    action: str,
    resource: str,
    keys: Mapping[str, str],
    policies: tuple[str, ...],
) -> None:
    own = _identity_policies(principal.arn) if isinstance(principal, Role) else None
    if isinstance(principal, Service) and principal.source_arn:
        account = principal.source_arn.split(":")[4] or get_account_id()
        source = {"aws:sourcearn": principal.source_arn, "aws:sourceaccount": account}
        keys = {**source, "aws:sourceowner": account, **keys}
    name = principal.arn if isinstance(principal, Role) else principal.name
    if not _allowed(name, own, action, resource, policies, tuple(keys.items()), get_region()):
        denial = _denial(name, action, resource)
        _warn_once(denial)
        raise AccessDenied(denial)
    record(name, action, resource, principal.source_arn if isinstance(principal, Service) else "")


def _denial(principal: str, action: str, resource: str) -> str:
    return f"{principal} is not authorized to perform: {action} on resource: {resource}"


@functools.cache
def _warn_once(denial: str) -> None:
    # Logged once: a poller that is denied tries again and again.
    logger.warning("%s", denial)


class _Identity(NamedTuple):
    policies: tuple[str, ...]
    boundary: str | None


@functools.lru_cache(maxsize=4096)
def _allowed(
    principal: str,
    own: _Identity | None,
    action: str,
    resource: str,
    policies: tuple[str, ...],
    keys: tuple[tuple[str, str], ...],
    region: str,
) -> bool:
    """Return whether the policies allow the action. The result is cached by all arguments.

    ``own`` has the policies of a role, None for a service; ``policies`` are those of the resource.
    """
    account = principal.split(":")[4] if own else ""
    role = principal.rpartition("/")[2]
    asked = iam_evaluator.EvalContext(
        # In the emulator, a service is an anonymous principal, matched by its name or by *.
        principal_arn=f"arn:aws:sts::{account}:assumed-role/{role}/service" if own else "*",
        principal_type="AssumedRole" if own else "Service",
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=region,
        secure_transport=True,
        service_context=dict(keys),
    )
    if own is None:
        decisions = {
            iam_evaluator.evaluate_resource_policy(policy, asked, service=principal).decision
            for policy in policies
        }
        return "Allow" in decisions and "Deny" not in decisions
    parse = iam_evaluator.parse_policy_document
    limits = () if own.boundary is None else ([parse(own.boundary)],)
    result = iam_evaluator.evaluate(asked, [parse(policy) for policy in own.policies], *limits)
    service = action.partition(":")[0]
    for policy in policies:
        result = iam_evaluator.combine_resource_policy(
            result, asked, policy, account,
            required=service in iam_evaluator._POLICY_REQUIRED, limits=limits,
        )  # fmt: skip
    return bool(result.decision == "Allow")


def _role(arn: str) -> Mapping[str, Any] | None:
    role: Mapping[str, Any] | None = iam._roles.get_scoped(
        arn.split(":")[4], None, arn.rpartition("/")[2]
    )
    return role


def _role_of_session(session_arn: str) -> str:
    name = iam_evaluator._role_name_from_assumed_arn(session_arn)
    role = iam._roles.get_scoped(session_arn.split(":")[4], None, name)
    return str(role["Arn"]) if role else session_arn


def _identity_policies(arn: str) -> _Identity:
    role = _role(arn) or {}
    managed = functools.partial(
        iam_evaluator._resolve_managed_policy_document, account_id=arn.split(":")[4]
    )
    attached = [managed(policy) for policy in role.get("AttachedPolicies", [])]
    documents = [*role.get("InlinePolicies", {}).values(), *attached]
    boundary = role.get("PermissionsBoundary")
    return _Identity(
        tuple(_document(document) for document in documents),
        _document(managed(boundary)) if boundary else None,
    )


def _resource_policies(arn: str) -> tuple[str, ...]:
    service = arn.split(":")[2]
    if service == "logs":
        policies = cloudwatch_logs._resource_policies.values()
        return tuple(policy["policyDocument"] for policy in policies)
    found = iam_evaluator._resource_policy(service, arn)
    return (_document(found[0]),) if found else ()


def _document(policy: Any) -> str:
    return policy if isinstance(policy, str) else json.dumps(policy)


def _keys_of_encryption(principal: Principal, resource: str) -> dict[str, str]:
    """Return the condition keys of a request to KMS for a queue or topic."""
    service, caller = resource.split(":")[2], {}
    context = "aws:sns:topicarn" if service == "sns" else "aws:sqs:arn"
    if isinstance(principal, Role):
        through = f"{service}.{get_region()}.amazonaws.com"
        caller = {"kms:viaservice": through, "kms:calleraccount": principal.arn.split(":")[4]}
    return {f"kms:encryptioncontext:{context}": resource, **caller}


def _encryption(principal: Principal, action: str, resource: str) -> list[tuple[str, str]]:
    """Return the permissions that an encrypted queue or topic needs for its key."""
    if action not in ("sqs:SendMessage", "sqs:ReceiveMessage", "sns:Publish"):
        return []
    holder = (
        sqs._queue_by_arn(resource)
        if action.startswith("sqs:")
        else sns._topic_by_arn_any_scope(resource)
    )
    key = holder["attributes"].get("KmsMasterKeyId") if holder else None
    if not key or (key.rpartition(":")[2].startswith("alias/aws/") and isinstance(principal, Role)):
        return []
    named = f"arn:aws:kms:{get_region()}:{get_account_id()}:{key.rpartition(':')[2]}"
    arn = (kms._resolve_key(key) or {}).get("Arn", named)
    needed = ["kms:Decrypt"]
    if action != "sqs:ReceiveMessage":
        needed.append("kms:GenerateDataKey")
    return [(right, arn) for right in needed]
