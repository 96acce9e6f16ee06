"""An event that no consumer can read: promise 7 says that it is dead-lettered alone."""

import json

from simulation.invariants import BrokenPromiseError
from simulation.operator import POISON, Operator
from simulation.world import World

SINKS = (
    "NotifyCustomerFailureRecords", "TimelinesProjectionDeadLetters",
    "CustomerOrdersProjectionDeadLetters",
)  # fmt: skip
"""The failure sinks of all who consume the event."""


class Poison:
    """An event with an order's partition key and without its data, in some seeds."""

    def __init__(self, world: World, operator: Operator) -> None:
        self._world, self._operator = world, operator
        self._subject = ""
        if world.chance.draw("has poison") < 0.4:
            world.kernel.after(world.chance.between("poison", 600, 3_600), self._publish)

    def _publish(self) -> None:
        orders = list(self._world.tables.rows(self._world.table("Orders", "Orders")))
        if not orders:
            return
        self._subject = self._world.chance.pick("poisoned", orders)["order_id"]
        metadata = {"event_id": POISON, "subject": self._subject, "occurred_at": "", "sequence": 99}
        self._world.bus("Backbone").publish(
            {
                "Source": "com.aws.orders",
                "DetailType": "OrderDispatched",
                "Detail": json.dumps({"metadata": metadata, "data": {}}),
            }
        )

    def at_the_end(self) -> None:
        """Check that each consumer has dead-lettered it. That the others go on, is in the views."""
        for sink in SINKS if self._subject else ():
            if not any(sink in name for name in self._operator.purged):
                raise BrokenPromiseError(7, f"not in {sink}: {POISON}", self._subject)
