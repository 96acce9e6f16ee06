"""What `docs/security.md` says of personal data: where it may be, and that it is erased."""

import json
from datetime import datetime
from typing import Any

from simulation.addresses import DOMAIN, NAME, Addresses
from simulation.bus import Event
from simulation.functions import Outcome
from simulation.invariants import PRIVACY, BrokenPromiseError
from simulation.operator import LATEST_MAIL, Operator
from simulation.tables import LAG
from simulation.world import World

LATEST_EFFECT = LATEST_MAIL + LAG
"""Seconds after which what began before has taken effect, and is in every index."""
ANSWER = 600
"""Seconds within which an erasure has ended when nothing fails."""


class PersonalData:
    """Addresses and names are in one table, and nowhere else; nobody's who was erased."""

    def __init__(self, world: World, addresses: Addresses, operator: Operator) -> None:
        self._world, self._addresses = world, addresses
        self._customers = world.table("Notifications", "Customers")
        self._records = world.table("Notifications", "EmailRecords")
        world.event_checks.append(self._after_event)
        world.log_checks.append(lambda line: _check("a line of a log", line))
        operator.on_dead_letter = lambda body: _check("a dead letter", body)

    def _after_event(self, event: Event) -> None:
        _check("an event", json.dumps(event))

    def at_the_end(self) -> None:
        """Check all tables and buckets, and who was erased; erase these again, and look again."""
        for table in self._world.table_names:
            for row in self._world.tables.rows(table) if table != self._customers else ():
                _check(table, str(row))
        for name in self._world.buckets.names():
            for stored in self._world.buckets[name].values():
                _check(name, stored.decode("latin-1"))
        for customer, began in self._addresses.erased.items():
            earlier = began - LATEST_EFFECT
            for row in self._of(self._records, customer):
                if datetime.fromisoformat(row["changed_at"]).timestamp() < earlier:
                    raise BrokenPromiseError(PRIVACY, f"{customer} was erased, and is in {row}")
            gave_none = self._addresses.given.get(customer, 0) < earlier
            if gave_none and (left := self._of(self._customers, customer)):
                raise BrokenPromiseError(PRIVACY, f"{customer} was erased, and is in {left}")
            self._erase_again(customer)

    def _erase_again(self, customer: str) -> None:
        """Erase a customer as an operator does when the last order has ended."""
        world, outcomes = self._world, list[Outcome]()
        erase = world.function("notifications.erase_customer")
        erase.invoke({"customer_id": customer}, outcomes.append)
        world.kernel.run(until=world.kernel.now + ANSWER)
        left = [*self._of(self._customers, customer), *self._of(self._records, customer)]
        left += [row for row in self._of(self._records, "") if "message_id" in row]
        if left or [outcome.error for outcome in outcomes] != [""]:
            problem = f"{customer} is erased again, {outcomes}, and there is {left}"
            raise BrokenPromiseError(PRIVACY, problem)

    def _of(self, table: str, customer: str) -> list[dict[str, Any]]:
        rows = self._world.tables.rows(table)
        return [row for row in rows if row.get("customer_id", "") == customer]


def _check(where: str, text: str) -> None:
    """Check that a text has no customer's address and no name."""
    if DOMAIN in text or NAME in text:
        raise BrokenPromiseError(PRIVACY, f"personal data in {where}: {text}")
