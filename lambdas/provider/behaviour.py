"""How the stand-in misbehaves, when it is told to: it is slow, or fails before or after its effect.

It is told by an optional setting BEHAVIOUR of its function, a JSON object with a fault for each
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
from lambdas.provider.store import count_fault
from lambdas.runtime.settings import setting


class MisbehaviourError(Exception):
    """The stand-in fails because it was told to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong with an operation; the module says what the fields mean."""

    moment: str
    fails: bool = True
    delay_ms: int = 0
    percent: int = 100
    attempts: int = 1

    def concerns(self, operation: str, key: str) -> bool:
        """Whether the key is one of those that have the fault."""
        digest = sha256(f"{operation}/{key}".encode()).digest()
        return int.from_bytes(digest[:4]) % 100 < self.percent

    def strike(self, moment: str) -> None:
        """Misbehave if this is the moment to; raises MisbehaviourError."""
        if moment != self.moment:
            return
        time.sleep(self.delay_ms / 1000)
        if self.fails:
            raise MisbehaviourError(f"told to fail {moment} the effect")


NONE = Fault(moment="never")


def fault_of(operation: str, key: str) -> Fault:
    """The fault that this attempt has, which is counted; NONE if it is to go well.

    Raises:
        ContractError: BEHAVIOUR is not understood.
    """
    told = json.loads(os.environ.get("BEHAVIOUR", "{}")).get(operation)
    if told is None:
        return NONE
    fault = decode(Fault, told)
    if fault.moment not in ("before", "after"):
        raise ContractError(Fault.__name__, ["moment must be before or after"])
    table = setting("CHARGES_TABLE")
    if fault.concerns(operation, key) and count_fault(table, key, operation, most=fault.attempts):
        return fault
    return NONE
