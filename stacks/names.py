"""The names of the stacks, for the app and for the operator's command, and patterns of names.

This module imports only the standard library, so that reading a deployment needs no CDK.
"""

import re

PARTNER_SOURCE_NAME = re.compile(r"aws\.partner(/[._A-Za-z0-9-]+){2,}")
"""https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutPartnerEventsRequestEntry.html"""

DOMAIN_NAME = re.compile(r"(?=.{1,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")
CERTIFICATE_ARN = re.compile(r"arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/[A-Za-z0-9-]+")


def stack_name(environment: str, service: str) -> str:
    """Return the name of a service's stack, such as ``Orders-Dev-Payments``."""
    return f"Orders-{environment.capitalize()}-{service}"


def service_of(stack: str) -> str:
    """Return a stack's service, as operators write it: ``payments``."""
    return stack.rpartition("-")[2].lower()
