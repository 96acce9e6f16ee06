"""Asynchronous invocations of functions, from any caller.

AWS: the event waits in a queue of the function. A failure is retried twice, a throttle for hours;
with a reserved concurrency of zero, there is no retry. Then a record of the invocation is sent to
the destination for its outcome. An event that failed is also sent unchanged to the function's
dead-letter queue. Both are sent with the function's role. Each version and alias has its own
settings.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-configuring.html
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
MiniStack 1.5.33: retries within seconds, throttled or not; sends nothing to a destination for
success, nor to a bus for failures; sends the dead-letter queue the destination's record instead of
the event, and only if there is no destination; ignores the settings of aliases.
Can go: when a failed event arrives both at a failure destination and in a dead-letter queue.
"""

import contextvars
import functools
import json
import logging
import random
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ministack.core.responses import new_uuid
from ministack.services import lambda_svc

from emulator.delivery_rules import payloads, retry_policies
from emulator.delivery_rules.retry_policies import FailedAttempt, FailureKind, Limits, RetryAfter
from emulator.faults.deliveries import deliver
from emulator.patches._seams import seam
from emulator.patches.permissions import Role
from emulator.patches.sending import Attributes, DeliveryError, send
from emulator.timer import call_later, counted

logger = logging.getLogger("emulator.async_invocations")

# How many events of one function are worked on at a time; the others wait. With more of them, the
# few cores of a laptop would start so many processes at once that each is cut off by its time-out.
_CONCURRENCY = 4

_request_id: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="")


@dataclass(slots=True)
class _Invocation:
    arn: str
    """The function as it was invoked, with version or alias."""
    event: Any
    request_id: str
    age: float = 0.0
    failures: Counter[FailureKind] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class _Settings:
    function: Mapping[str, Any]
    limits: Limits
    on_success: str
    on_failure: str
    dead_letters: str
    switched_off: bool


def install() -> None:
    """Replace MiniStack's asynchronous queue. A retried invocation keeps its request id."""
    seam(lambda_svc, "invoke_async_with_retry", "func", "event")
    dispatch = seam(
        lambda_svc, "_execute_function_dispatch", "func", "config", "event", "request_id", "started"
    )

    def dispatched(func: Any, config: Any, event: Any, request_id: str, started: float) -> Any:
        return dispatch(func, config, event, _request_id.get() or request_id, started)

    lambda_svc._execute_function_dispatch = dispatched
    lambda_svc.invoke_async_with_retry = invoke


def invoke(func: Mapping[str, Any], event: Any) -> None:
    """Queue an event for the function, version or alias that the configuration's ARN names."""
    arn, request_id = (func.get("config") or func)["FunctionArn"], new_uuid()
    deliver(f"invocation of {arn}", lambda: _queue(_Invocation(arn, event, request_id)))


def _queue(invocation: _Invocation) -> None:
    context = contextvars.copy_context()
    workers = _workers(":".join(invocation.arn.split(":")[:7]))
    work = counted(lambda: context.run(_invoke, invocation))
    # Asking for the result logs an error of ours, which would else stay in the future.
    workers.submit(work).add_done_callback(Future.result)


@functools.cache
def _workers(_function_arn: str) -> ThreadPoolExecutor:
    # Each function has its own, so that none waits for another that is slow.
    return ThreadPoolExecutor(_CONCURRENCY, thread_name_prefix="async")


def _invoke(invocation: _Invocation) -> None:
    settings = _settings(invocation.arn)
    if settings is None:
        logger.error("%s is gone; so is its event %s", invocation.arn, invocation.event)
        return
    began = time.monotonic()
    result, kind = _run(settings, invocation)
    invocation.age += time.monotonic() - began
    if kind is None:
        _send_to_destination(settings.on_success, invocation, settings, "Success", result)
        return
    invocation.failures[kind] += 1
    # For jitter, not for a secret.
    jitter = random.random()  # noqa: S311
    failed = FailedAttempt(
        kind=kind, times=invocation.failures[kind], age=invocation.age, jitter=jitter
    )
    verdict = retry_policies.decide_async_retry(settings.limits, failed)
    if isinstance(verdict, RetryAfter):
        invocation.age += verdict.delay
        call_later(verdict.delay, functools.partial(_queue, invocation))
        return
    _send_to_destination(settings.on_failure, invocation, settings, verdict.condition, result)
    if settings.dead_letters:
        _dead_letter(invocation, settings, result)


def _run(
    settings: _Settings, invocation: _Invocation
) -> tuple[Mapping[str, Any], FailureKind | None]:
    if settings.switched_off:
        return {}, FailureKind.PERMANENT
    token = _request_id.set(invocation.request_id)
    try:
        result: dict[str, Any] = lambda_svc._execute_function_with_config_scope(
            settings.function, invocation.event
        )
    except Exception:
        logger.exception("running %s failed", invocation.arn)
        return {}, FailureKind.TRANSIENT
    finally:
        _request_id.reset(token)
    if result.get("throttle"):
        return {}, FailureKind.THROTTLED
    return result, FailureKind.FUNCTION_ERROR if result.get("error") else None


def _settings(arn: str) -> _Settings | None:
    """Return the settings as they are now: the function may change while an event waits."""
    function, config, name = lambda_svc._get_func_record_for_ref(arn)
    if function is None or config is None:
        return None
    base = lambda_svc._functions[name]
    _, qualifier = lambda_svc._lambda_function_name_and_qualifier_from_arn(arn)
    unqualified = {} if qualifier else lambda_svc._event_invoke_config(base, "$LATEST")
    stated = unqualified or lambda_svc._event_invoke_config(base, qualifier) or {}
    destinations = stated.get("DestinationConfig") or {}
    default = retry_policies.ASYNCHRONOUS_LIMITS
    return _Settings(
        # Versions and aliases share the concurrency that their function has reserved.
        function={**function, "config": {**config, "FunctionArn": arn},
                  "concurrency": base.get("concurrency")},
        limits=Limits(
            retries=int(stated.get("MaximumRetryAttempts", default.retries)),
            age=float(stated.get("MaximumEventAgeInSeconds", default.age)),
        ),
        on_success=destinations.get("OnSuccess", {}).get("Destination", ""),
        on_failure=destinations.get("OnFailure", {}).get("Destination", ""),
        dead_letters=(config.get("DeadLetterConfig") or {}).get("TargetArn", ""),
        switched_off=lambda_svc._reserved_concurrency(base, config) == 0,
    )  # fmt: skip


def _send_to_destination(
    destination: str,
    invocation: _Invocation,
    settings: _Settings,
    condition: str,
    result: Mapping[str, Any],
) -> None:
    if condition != "Success":
        logger.warning("%s gave up on %s: %s", invocation.arn, invocation.event, condition)
    if not destination:
        return
    succeeded = condition == "Success"
    record = payloads.invocation_record(
        request_id=invocation.request_id,
        function_arn=_qualified(invocation.arn),
        condition=condition,
        invocations=invocation.failures[FailureKind.FUNCTION_ERROR] + succeeded,
        payload=invocation.event,
        response=payloads.Response(
            payload=result.get("body"),
            version=settings.function["config"].get("Version", "$LATEST"),
            failed=not succeeded,
        )
        if result
        else None,
        at=datetime.now(UTC),
    )
    on_bus = ":event-bus/" in destination
    body = payloads.invocation_event(record, destination) if on_bus else record
    _send(destination, body, settings, invocation)


def _dead_letter(invocation: _Invocation, settings: _Settings, result: Mapping[str, Any]) -> None:
    # What the function answered is an answer all the same; without one there was no capacity.
    status, message = (200, result["body"]["errorMessage"]) if result else (429, "Rate Exceeded.")
    attributes = payloads.function_attributes(invocation.request_id, status, message)
    _send(settings.dead_letters, invocation.event, settings, invocation, attributes)


def _send(
    to: str,
    body: Any,
    settings: _Settings,
    invocation: _Invocation,
    attributes: Attributes | None = None,
) -> None:
    role = Role(arn=settings.function["config"]["Role"])
    try:
        send(to, json.dumps(body), by=role, attributes=attributes)
    except DeliveryError as error:
        logger.error(  # noqa: TRY400 - the reason is what matters, not the trace
            "%s, of %s, did not take %s: %s: %s", to, invocation.arn, body, error.code, error
        )


def _qualified(arn: str) -> str:
    return arn if arn.count(":") > 6 else f"{arn}:$LATEST"
