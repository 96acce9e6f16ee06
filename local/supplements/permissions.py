"""Who may do what where the emulator does not ask.

AWS: a service that acts for us needs the right to. It acts under a role (a state machine, an event
source mapping, a destination, a rule or schedule with a role), or in its own name, and then the
resource's policy has to let it.
MiniStack 1.5.33: asks only when a request comes from outside.
Can go: when MiniStack asks on its services' own deliveries as well.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A service that acts under a role."""

    arn: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service that acts in its own name, such as events.amazonaws.com, for one resource."""

    name: str
    source_arn: str


Principal = Role | Service


class AccessDenied(Exception):
    """The principal may not do it; the message names principal, action and resource."""


def check(principal: Principal, action: str, resource: str, **context: str) -> None:
    """Raise AccessDenied unless `principal` may do `action` (`sqs:SendMessage`) on that ARN.

    `context` holds further condition keys, with `_` for `:`.
    """
    raise NotImplementedError
