"""The people who keep the catalogue: they put products on offer, and change them."""

import json
from functools import partial

from simulation.functions import Outcome
from simulation.kernel import Process, Signal
from simulation.scenario import ORDERING
from simulation.world import World

SKUS = ("lid", "mug")
"""Products that nobody orders, so that their prices may change at any time."""


class Catalogue:
    """Some changes of products, at random times."""

    def __init__(self, world: World) -> None:
        self._world = world

    def begin(self) -> None:
        """Schedule the changes."""
        chance = self._world.chance
        for number in range(chance.pick("changes of products", (0, 1, 3))):
            work = partial(self._put, chance.pick("product", SKUS), number)
            process = Process("catalogue", work)
            at = chance.between("change of a product", 0, ORDERING)
            self._world.kernel.after(at, self._world.kernel.start, process)

    def _put(self, sku: str, number: int) -> None:
        offer = {"currency": "GBP", "unit_price": self._world.chance.pick("price", (500, 600))}
        event = {
            "pathParameters": {"sku": sku},
            "body": json.dumps({"name": f"{sku} {number}", "offers": [offer]}),
            "requestContext": {"requestId": f"change {number}"},
        }
        for _ in range(6):
            signal = Signal()
            self._world.function("catalog.put_product").invoke(event, signal.fire)
            outcome: Outcome = signal.wait()
            if not outcome.error and outcome.payload["statusCode"] == 200:
                return
            self._world.kernel.sleep(self._world.chance.between("again", 0.5, 30))
