"""boto3 clients for functions: short time-outs, a few quick retries, one shared session."""

from functools import cache
from typing import Any

import boto3
from botocore.config import Config

# A call that hangs must fail while the function still has time to log it: the shortest function
# time-out is 6 s, and DynamoDB answers in single-digit milliseconds.
CONFIG = Config(
    connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2}
)


# For a request that boto3 must not repeat, because the outcome of the first may be unknown. Only a
# person can find it out, so the read time-out is as long as the functions' 15 s allow.
SINGLE_ATTEMPT = CONFIG.merge(
    Config(read_timeout=10, retries={"mode": "standard", "total_max_attempts": 1})
)


@cache
def client(service: str, config: Config = CONFIG) -> Any:
    """Return the boto3 client of ``service``; it is made once per execution environment."""
    return boto3.client(service, config=config)  # type: ignore[call-overload]
