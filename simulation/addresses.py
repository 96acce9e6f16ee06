"""The mail addresses of customers: given, confirmed by the link that is mailed, changed, erased."""

import json
import re
from functools import partial
from typing import Any
from urllib.parse import urlencode

from simulation.functions import Outcome
from simulation.kernel import Process, Signal
from simulation.mail import Mail
from simulation.scenario import ORDERING, Customers
from simulation.world import World

DOMAIN, NAME = "customers.example", "Ada Lovelace"
"""Of all customers' addresses, and of all customers. No other text has these."""
_LINK = re.compile(r"\?token=(\S+)")


class Addresses:
    """Customers who give an address, some late, and change or erase it."""

    def __init__(self, world: World, customers: Customers) -> None:
        self._world, self._customers = world, customers
        self.given: dict[str, float] = {}
        """When each customer asked for an address the last time."""
        self.erased: dict[str, float] = {}
        """When the erasure of each customer began that has succeeded."""
        world.mail.on_mail.append(self._read)

    def begin(self) -> None:
        """Schedule what each customer does."""
        chance, after = self._world.chance, self._world.kernel.after
        for customer in sorted({request.customer for request in self._customers.requests}):
            if chance.draw("has an address") < 0.8:
                after(
                    chance.pick("address", (0, 0, ORDERING / 2)), self._start, self._give, customer
                )
            if chance.draw("changes the address") < 0.3:
                after(chance.between("changes", 0, 3_600), self._start, self._give, customer)
            if chance.draw("is erased") < 0.2:
                erase = chance.pick("erased by", (self._erase, self._ask_to_erase))
                after(chance.between("erased", 0, 3_600), self._start, erase, customer)

    def _start(self, work: Any, customer: str) -> None:
        self._world.kernel.start(Process("reader of mails", partial(work, customer)))

    def _give(self, customer: str) -> None:
        number = self._world.chance.pick("address number", (1, 2, 3))
        address = {"email": f"{customer}.{number}@{DOMAIN}", "name": NAME}
        for _ in range(4):
            self.given[customer] = self._world.kernel.now
            answer = self._call("put_contact", self._of(customer) | {"body": json.dumps(address)})
            if answer and answer["statusCode"] in (200, 202):
                return

    def _erase(self, customer: str) -> None:
        self._repeat("delete_contact", self._of(customer), customer)

    def _ask_to_erase(self, customer: str) -> None:
        self._repeat("erase_customer", {"customer_id": customer}, customer)

    def _repeat(self, function: str, request: dict[str, Any], customer: str) -> None:
        for _ in range(10):
            began = self._world.kernel.now
            if self._call(function, request):
                self.erased[customer] = began
                self._world.journey.note("", f"{customer} is erased")
                return

    def _read(self, mail: Mail) -> None:
        if link := _LINK.search(mail.text):
            chance = self._world.chance
            request = {"body": urlencode({"token": link[1]})}
            for _ in range(chance.pick("presses the button", (0, 1, 1, 1, 2))):
                delay = chance.between("reads", 1, 60)
                self._world.kernel.after(delay, self._start, self._confirm, request)

    def _confirm(self, request: Any) -> None:
        for _ in range(3):
            if self._call("confirm_contact", request):
                return

    def _of(self, customer: str) -> dict[str, Any]:
        claims = {"jwt": {"claims": {"sub": customer}}}
        return {"requestContext": {"requestId": "contact", "authorizer": claims}}

    def _call(self, function: str, event: dict[str, Any]) -> Any:
        signal = Signal()
        self._world.function(f"notifications.{function}").invoke(event, signal.fire)
        outcome: Outcome = signal.wait()
        if outcome.error:
            self._world.kernel.sleep(self._world.chance.between("again", 0.5, 30))
            return None
        return outcome.payload
