"""Fault injection: the simulator is slow, or fails before or after an operation's effect.

The optional setting FAULTS of its function is a JSON object with the fault of each operation:

    {"charge": {"moment": "after", "fails": true, "delay_ms": 0, "percent": 100, "attempts": 1},
     "refund": {"moment": "before"}}

The fields of a fault are those of ``Fault``. All but ``moment`` are optional; the values above are
their defaults.

Faults affect responses only: every effect is recorded exactly once. The faults of a key are counted
in its item, as ``charge_faults`` and ``refund_faults``.
"""

import json
import os
import time
from dataclasses import dataclass
from hashlib import sha256

from lambdas.contracts.codec import ContractError, decode
from lambdas.runtime.settings import setting
from simulators.card_provider.store import count_fault


class InjectedFaultError(Exception):
    """The error that an injected fault raises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault of one operation: when it happens, for which keys, and how often."""

    moment: str
    """``before`` or ``after`` the operation's effect."""
    fails: bool = True
    """Whether the request fails at that moment; if not, it is only delayed."""
    delay_ms: int = 0
    """The wait at that moment, in milliseconds."""
    percent: int = 100
    """The share of keys that have the fault; it is always the same keys."""
    attempts: int = 1
    """How many requests with such a key have the fault; later ones succeed."""

    def applies_to(self, operation: str, key: str) -> bool:
        """Return whether the key is among the ``percent`` of keys that have the fault."""
        digest = sha256(f"{operation}/{key}".encode()).digest()
        return int.from_bytes(digest[:4]) % 100 < self.percent

    def trigger(self, moment: str) -> None:
        """If ``moment`` is the fault's, wait and then raise InjectedFaultError if it fails."""
        if moment != self.moment:
            return
        time.sleep(self.delay_ms / 1000)
        if self.fails:
            raise InjectedFaultError(f"injected fault {moment} the effect")


NO_FAULT = Fault(moment="never")


def fault_for(operation: str, key: str) -> Fault:
    """Return the fault of this attempt, and count it; NO_FAULT if there is none.

    Raises:
        ContractError: FAULTS is invalid.
    """
    configured = json.loads(os.environ.get("FAULTS", "{}")).get(operation)
    if configured is None:
        return NO_FAULT
    fault = decode(Fault, configured)
    if fault.moment not in ("before", "after"):
        raise ContractError(Fault.__name__, ["moment must be before or after"])
    table = setting("CHARGES_TABLE")
    if fault.applies_to(operation, key) and count_fault(
        table, key, operation, limit=fault.attempts
    ):
        return fault
    return NO_FAULT
