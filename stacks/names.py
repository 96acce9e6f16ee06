"""The names of the stacks, for the app and for the operator's command, and patterns of names.

This module imports only the standard library, so that reading a deployment needs no CDK.
"""

import re

PARTNER_SOURCE_NAME = re.compile(r"aws\.partner(/[._A-Za-z0-9-]+){2,}")
"""https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutPartnerEventsRequestEntry.html"""

DOMAIN_NAME = re.compile(r"(?=.{1,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")
CERTIFICATE_ARN = re.compile(r"arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/[A-Za-z0-9-]+")


ID_HASH_LENGTH = 8
"""The number of letters that the CDK appends to a logical id."""


def stack_name(environment: str, service: str) -> str:
    """Return the name of a service's stack, such as ``Orders-Dev-Payments``."""
    return f"Orders-{environment.capitalize()}-{service}"


def environment_of(stack: str) -> str:
    """Return a stack's environment, as operators write it: ``dev``."""
    return stack.rpartition("-")[0].rpartition("-")[2].lower()


def service_of(stack: str) -> str:
    """Return a stack's service, as operators write it: ``payments``."""
    return stack.rpartition("-")[2].lower()


def resource_name(stack: str, logical_id: str) -> str:
    """Return a resource's name, as operators write it: ``orders/Repair``."""
    return f"{service_of(stack)}/{logical_id[:-ID_HASH_LENGTH]}"
