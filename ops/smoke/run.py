"""The steps of the smoke test, and the removal of what they made."""

import base64
import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from botocore.exceptions import BotoCoreError, ClientError

from ops.deployed import Deployed, OperationError
from ops.dlq.discovery import find_failure_sinks
from ops.dlq.purge import Purged, purge
from ops.dlq.runner import prepare_redrive
from ops.dlq.selection import find_sink
from ops.smoke.api import Api, Send, Users, bearer, open_request, signed
from ops.smoke.orders import OPEN, SKU, TOO_MANY, SmokeError, SmokeOrders

PICKING = "warehouse/PickingDeadLetters"
QUANTITY = 4
CANCELLED_QUANTITIES = (1, 2, 3)
"""Of the orders to cancel: an order equal to an earlier one would be held as a duplicate."""

Steps = Iterator[tuple[str, Callable[[], object]]]


@dataclass(slots=True, kw_only=True)
class SmokeTest:
    """Uses the platform as a customer and as an operator, under unique names."""

    deployed: Deployed
    wait_seconds: float
    send: Send = open_request
    run_id: str = field(default_factory=lambda: f"smoke-{secrets.token_hex(6)}")
    outputs: Mapping[str, str] = field(init=False)
    """Of the HTTP API's stack."""
    receive_stock: str = field(init=False)
    """The name of the function that takes deliveries."""
    users: Users = field(init=False)
    orders: SmokeOrders = field(init=False)
    customer_id: str = field(init=False, default="")
    dead_letter: str = field(init=False, default="")
    """The id of the one that it made, until that is redriven."""

    def __post_init__(self) -> None:
        # Read from each stack by itself: it names the stack that lacks one.
        self.outputs = self.deployed.outputs("HttpApi")
        self.receive_stock = self.deployed.outputs("Inventory")["ReceiveStockFunction"]
        cognito = self.deployed.client("cognito-idp")
        self.users = Users(cognito=cognito, outputs=self.outputs, send=self.send)

    def steps(self) -> Steps:
        """Yield the description of each step, and its function."""
        yield "an operator and a customer sign in", self._sign_in
        yield "a product is on offer", lambda: self.orders.offer_product()
        yield "an order is rejected: out of stock", self._reject
        yield "stock is received", self._receive_stock
        yield "an order is cancelled", self._cancel
        yield "an order is dispatched", self._dispatch
        yield "the views show the same orders", lambda: self.orders.await_views()
        yield "a dead letter is redriven", self._redrive

    def clean_up(self) -> Iterator[str]:
        """Remove what the steps made. Yield what could not be removed, and why."""
        if hasattr(self, "orders"):
            for order_id in self.orders.placed.values():
                try:
                    if self.orders.state(order_id) in OPEN:
                        self.orders.cancel(order_id)
                except (SmokeError, OSError) as error:
                    yield f"the order {order_id} may still be open: {error}"
            try:
                self.orders.withdraw_product()
            except (SmokeError, OSError) as error:
                yield f"{SKU} is still on offer: {error}"
        if self.dead_letter:
            try:
                sink = find_sink(find_failure_sinks(self.deployed.templates()), PICKING)
                purge(sink, self.deployed, [self.dead_letter], Purged(), execute=True)
            except (OperationError, ClientError, BotoCoreError) as error:
                yield f"the dead letter {self.dead_letter} may still be in {PICKING}: {error}"
        name = self.users.name
        try:
            self.users.delete_customer()
        except (ClientError, BotoCoreError) as error:
            yield f"the user {name} may still be there: {error}"

    def _sign_in(self) -> None:
        url = self.outputs["ApiUrl"]
        token = self.users.customer_token()
        self.customer_id = _subject(token)
        customer = Api(url=url, authorize=bearer(token), send=self.send)
        as_operator = (
            bearer(self.users.operator_token())
            if "OperatorsClientId" in self.outputs
            else signed(self.deployed.session)
        )
        operator = Api(url=url, authorize=as_operator, send=self.send)
        self.orders = SmokeOrders(
            customer=customer,
            operator=operator,
            run_id=self.run_id,
            wait_seconds=self.wait_seconds,
        )

    def _receive_stock(self, quantity: int = QUANTITY) -> None:
        delivery = {
            "delivery_id": f"{self.run_id}-{quantity}",
            "lines": [{"sku": SKU, "quantity": quantity}],
        }
        answer = self.deployed.client("lambda").invoke(
            FunctionName=self.receive_stock, Payload=json.dumps(delivery)
        )
        if "FunctionError" in answer:
            raise SmokeError(f"the delivery failed: {answer['Payload'].read()!r}")

    def _reject(self) -> None:
        from_nothing = self.orders.place("rejected", TOO_MANY)
        self.orders.await_state(from_nothing, "REJECTED")

    def _cancel(self) -> None:
        for quantity in CANCELLED_QUANTITIES:
            order_id = self.orders.place(f"cancelled{quantity}", quantity)
            if self.orders.cancel(order_id):
                self.orders.await_state(order_id, "CANCELLED")
                return
            # Where all is warm, an order may leave before the request to cancel it arrives.
            self._receive_stock(quantity)
        raise SmokeError(f"{len(CANCELLED_QUANTITIES)} orders left before they could be cancelled")

    def _dispatch(self) -> None:
        self.orders.await_state(self.orders.place("dispatched", QUANTITY), "DISPATCHED")

    def _redrive(self) -> None:
        """Dead-letter an event that the warehouse has processed, and redrive it.

        Processing it again changes nothing.
        """
        sink = find_sink(find_failure_sinks(self.deployed.templates()), PICKING)
        order_id = self.orders.placed["dispatched"]
        body = self.orders.confirmed_event(order_id, self.customer_id, QUANTITY)
        sent = self.deployed.client("sqs").send_message(
            QueueUrl=sink.resource.physical, MessageBody=body
        )
        self.dead_letter = sent["MessageId"]
        redrive = prepare_redrive([sink], self.deployed)
        redrive.run(
            is_selected=lambda letter: letter.message.id == self.dead_letter,
            per_second=1,
            execute=True,
        )
        for result in redrive.tally.results:
            if result.error:
                raise SmokeError(f"{self.dead_letter} of {PICKING} was not moved: {result.error}")
        if not redrive.tally.results:
            raise SmokeError(f"{self.dead_letter} was not found in {PICKING}")
        self.dead_letter = ""


def _subject(token: str) -> str:
    """Return the customer's id in the services: the token's subject."""
    claims = token.split(".")[1]
    return str(json.loads(base64.urlsafe_b64decode(f"{claims}=="))["sub"])
