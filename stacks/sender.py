"""The sender of mails to customers: a setting of an environment."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """The sender of mails to customers: an address, and its identity in SES."""

    address: str
    identity: str
    """The identity in SES that covers the address: the address itself, or its domain.

    It must exist, and may be used by several environments, unless this one owns it.
    """
    owned: bool = False
    """Whether this environment makes the identity, and deletes it.

    SES then asks the owner of the address for confirmation.
    """
