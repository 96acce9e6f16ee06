"""How the stand-in misbehaves, when it is told to: it is slow, or fails before or after its effect.

It is told by an optional setting FAULTS of its function, a JSON object with a fault for each
operation that is to have one:

    {"charge": {"moment": "after", "fails": true, "delay_ms": 0, "percent": 100, "attempts": 1},
     "refund": {"moment": "before"}}

``moment`` is when the fault strikes, ``before`` or ``after`` the operation has its effect. Then the
stand-in waits ``delay_ms``, and fails if ``fails``; else it goes on. ``percent`` of the keys have
the fault, always the same ones; the first so many ``attempts`` on such a key have it, and the next
goes well. The values above are the defaults but for ``moment``, which has to be said.

Only answers suffer: in the record, every effect is there once, as ever. The faults of a key are
counted in its item, as ``charge_faults`` and ``refund_faults``.
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
    """The stand-in fails because it was told to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong with an operation; the module says what the fields mean."""

    moment: str
    fails: bool = True
    delay_ms: int = 0
    percent: int = 100
    attempts: int = 1

    def applies_to(self, operation: str, key: str) -> bool:
        """Whether the key is one of those that have the fault."""
        digest = sha256(f"{operation}/{key}".encode()).digest()
        return int.from_bytes(digest[:4]) % 100 < self.percent

    def trigger(self, moment: str) -> None:
        """Misbehave if this is the moment to; raises InjectedFaultError."""
        if moment != self.moment:
            return
        time.sleep(self.delay_ms / 1000)
        if self.fails:
            raise InjectedFaultError(f"injected fault {moment} the effect")


NO_FAULT = Fault(moment="never")


def fault_for(operation: str, key: str) -> Fault:
    """The fault that this attempt has, which is counted; NO_FAULT if it is to go well.

    Raises:
        ContractError: FAULTS is not understood.
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
