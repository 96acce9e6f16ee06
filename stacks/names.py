"""The names of the stacks, for the app and for the operator's command.

This module imports only the standard library, so that reading a deployment needs no CDK.
"""


def stack_name(environment: str, service: str) -> str:
    """Return the name of a service's stack, such as ``Orders-Dev-Payments``."""
    return f"Orders-{environment.capitalize()}-{service}"


def service_of(stack: str) -> str:
    """Return a stack's service, as operators write it: ``payments``."""
    return stack.rpartition("-")[2].lower()
