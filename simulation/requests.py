"""Requests to AWS. They are sent, executed and answered, and each of these may fail.

A client behaves as boto3's does: time-outs, a few quick retries, exceptions.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    ReadTimeoutError,
)

from simulation import chance as kinds
from simulation.chance import Chance
from simulation.kernel import Kernel, Signal, current

Reply = Callable[[Any], None]
Perform = Callable[[Reply], None]
"""Carries a request out, and calls back with the answer or the exception, now or later."""

TRAVEL = 0.02
"""The most seconds that a request or an answer takes, when nothing is wrong."""
LATEST = 20.0
"""The most seconds by which a request may take effect after its client gave up."""
REQUEST_FAULTS = (
    kinds.THROTTLE, kinds.BEFORE, kinds.SERVER_ERROR, kinds.LOST, kinds.LATE, kinds.DEATH,
)  # fmt: skip
THROTTLES = {
    "dynamodb": ("ProvisionedThroughputExceededException", "ThrottlingException"),
    "events": ("ThrottlingException",),
    "lambda": ("TooManyRequestsException",),
    "s3": ("SlowDown",),
    "sesv2": ("TooManyRequestsException", "ThrottlingException"),
    "sns": ("Throttling",),
    "sqs": ("RequestThrottled",),
}
RETRIED = {
    "InternalServerError",
    "RequestLimitExceeded",
    *(n for t in THROTTLES.values() for n in t),
}
_SERVER_ERRORS = ("InternalServerError", "SlowDown")
_UNANSWERED = object()


@cache
def error_class(service: str, code: str) -> type[ClientError]:
    """Return boto3's exception class for a code, so that functions can catch it by its name."""
    client = boto3.client(  # type: ignore[call-overload]
        service, region_name="eu-west-1"
    )
    found: type[ClientError] = client.exceptions.from_code(code)
    return found


def client_error(service: str, code: str, operation: str, **more: Any) -> ClientError:
    """Return the exception that boto3 raises for a response with this code."""
    body = {
        "Error": {"Code": code, "Message": "simulated"},
        "ResponseMetadata": {"HTTPStatusCode": 500 if code in _SERVER_ERRORS else 400},
        **more,
    }
    return error_class(service, code)(body, operation)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Network:
    """The network between a process and AWS."""

    kernel: Kernel
    chance: Chance
    is_out: Callable[[str], bool]
    """Whether a service has an outage now."""

    def call(
        self, service: str, operation: str, perform: Perform, *, config: Config, about: str
    ) -> Any:
        """Make a request as boto3 does, with its retries; return the answer or raise."""
        retries: Mapping[str, Any] = getattr(config, "retries", None) or {}
        attempts = int(retries.get("total_max_attempts", 1))
        for attempt in range(attempts):
            try:
                return self._attempt(service, operation, perform, _read_timeout(config), about)
            except (ConnectionClosedError, ConnectTimeoutError, ReadTimeoutError):
                if attempt == attempts - 1:
                    raise
            except ClientError as error:
                if error.response["Error"]["Code"] not in RETRIED or attempt == attempts - 1:
                    raise
            self.kernel.sleep(self.chance.between("backoff", 0, 1))
        raise AssertionError("no attempt at all")

    def _attempt(
        self, service: str, operation: str, perform: Perform, timeout: float, about: str
    ) -> Any:
        process, chance = current(), self.chance
        where = f"{process.name} {service}.{operation} {about}".rstrip()
        if self.is_out(about or service):
            self.kernel.sleep(TRAVEL)
            raise client_error(service, THROTTLES[service][0], operation)
        fault = chance.fault(where, REQUEST_FAULTS)
        endpoint = {"endpoint_url": service}
        if fault in (kinds.THROTTLE, kinds.BEFORE):
            self.kernel.sleep(TRAVEL)
            if fault == kinds.BEFORE:
                raise ConnectTimeoutError(**endpoint)
            code = chance.pick(f"{where} throttle", THROTTLES[service])
            raise client_error(service, code, operation)
        there, back = (chance.between(where + way, 0, TRAVEL) for way in (" there", " back"))
        if fault == kinds.LATE:
            there = timeout + chance.between(where + " late", 0, LATEST)
        if fault == kinds.DEATH:
            self.kernel.after(chance.between(where + " death", 0, there + back), process.kill)
        answer = self._answer(perform, there, back, timeout, lost=fault == kinds.LOST)
        if answer is _UNANSWERED:
            raise ReadTimeoutError(**endpoint)
        if fault == kinds.SERVER_ERROR:
            if chance.draw(where + " closed") < 0.5:
                raise ConnectionClosedError(**endpoint)
            raise client_error(service, "InternalServerError", operation)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _answer(
        self, perform: Perform, there: float, back: float, timeout: float, *, lost: bool
    ) -> Any:
        """Send a request and wait for its answer. It takes effect even if its sender dies."""
        after, signal = self.kernel.after, Signal()

        def reply(answer: Any) -> None:
            if not lost:
                after(back, signal.fire, answer)

        after(there, perform, reply)
        given_up = after(timeout, signal.fire, _UNANSWERED)
        answer = signal.wait()
        given_up.cancel()
        return answer


def _read_timeout(config: Any) -> float:
    return float(config.read_timeout)
