"""Orders and bad messages of a person who tries the platform out on a laptop."""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

from lambdas.runtime.dynamodb import from_item
from ops.deployed import Deployed, OperationError, named
from ops.faults import CARD_PROVIDER
from ops.smoke.api import Api, Send, Users, bearer, open_request

TOKEN_SECONDS = 50 * 60
"""How long a customer's token is used; it is valid for an hour."""
MAX_ORDERS = 25
"""How many orders are placed at a time."""
MAX_ROWS = 200
"""How many products are looked at for one that is on offer and in stock."""
BAD_QUEUE = "storefront/AvailabilitySubscriberQueue"
BAD_QUEUES_SINK = "storefront/AvailabilitySubscriberDeadLetters"
MAX_QUANTITY = 100_000
"""How many units of a SKU the API accepts in an order."""
KINDS: Mapping[str, str] = {
    "well": "go well",
    "shelf": "ask for more than is on the shelf",
    "card": "are above the card's limit",
    "country": "go where no carrier delivers",
}
"""What becomes of the orders that can be placed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnOffer:
    """A product that can be ordered."""

    sku: str
    unit_price: int
    currency: str
    available: int


@dataclass(slots=True, kw_only=True)
class Player:
    """A customer of one's own, with one's own mistakes."""

    deployed: Deployed
    send: Send = open_request
    clock: Callable[[], float] = time.monotonic
    _token: str = ""
    _token_until: float = field(default=float("-inf"))
    _more: Iterator[int] = field(default_factory=lambda: cycle(range(MAX_ORDERS)))
    """How many units more the next order has: the same order again would be a duplicate."""

    def product(self) -> OnOffer | None:
        """Return the product with the most units in stock; None where none is on offer."""
        stock = {row["sku"]: row["available"] for row in self._rows("Inventory", "StockTable")}
        found = [
            OnOffer(
                sku=row["sku"],
                unit_price=offer["unit_price"],
                currency=offer["currency"],
                available=stock.get(row["sku"], 0),
            )
            for row in self._rows("Orders", "OffersTable")
            for offer in row["offers"][:1]
        ]
        return max(found, key=lambda each: each.available, default=None)

    def place(self, kind: str, count: int) -> list[str]:
        """Place orders of a kind, as a customer does; return their ids.

        Raises:
            OperationError: nothing is on offer, or the API refused an order.
        """
        product = self.product()
        if product is None:
            raise OperationError("nothing is on offer: put a product on offer first")
        least = self._quantity(kind, product)
        bodies = [
            {
                "currency": product.currency,
                "country": "Unspecified" if kind == "country" else "United Kingdom",
                "lines": [
                    {
                        "sku": product.sku,
                        "quantity": min(least + next(self._more), MAX_QUANTITY),
                        "unit_price": product.unit_price,
                    }
                ],
            }
            for _ in range(min(count, MAX_ORDERS))
        ]
        api = Api(url=self._outputs()["ApiUrl"], authorize=bearer(self._customer()), send=self.send)
        return [self._placed(api, body) for body in bodies]

    def send_bad_message(self) -> None:
        """Send a queue what its consumer cannot parse."""
        queue = named(self.deployed.templates(), BAD_QUEUE)
        once = secrets.token_hex(8)
        self.deployed.client("sqs").send_message(
            QueueUrl=queue.physical,
            MessageBody='{"this": "is no event"}',
            MessageGroupId=once,
            MessageDeduplicationId=once,
        )

    def _placed(self, api: Api, body: Mapping[str, Any]) -> str:
        answer = api.call("POST", "/orders", body, {"Idempotency-Key": secrets.token_hex(16)})
        if answer.status != 202:
            said = answer.body.get("detail", answer.body)
            raise OperationError(f"the API answered {answer.status}: {said}")
        return str(answer.body["order_id"])

    def _quantity(self, kind: str, product: OnOffer) -> int:
        if kind == "shelf":
            return product.available + 1
        return self._card_limit() // product.unit_price + 1 if kind == "card" else 1

    def _card_limit(self) -> int:
        provider = named(self.deployed.templates(), CARD_PROVIDER)
        return int(provider.properties["Environment"]["Variables"]["CHARGE_LIMIT"])

    def _customer(self) -> str:
        if self.clock() >= self._token_until:
            users = Users(
                cognito=self.deployed.client("cognito-idp"),
                outputs=self._outputs(),
                send=self.send,
                prefix="play",
            )
            self._token = users.customer_token()
            self._token_until = self.clock() + TOKEN_SECONDS
        return self._token

    def _outputs(self) -> Mapping[str, str]:
        return self.deployed.outputs("HttpApi")

    def _rows(self, stack: str, output: str) -> list[Mapping[str, Any]]:
        table = self.deployed.outputs(stack)[output]
        page = self.deployed.client("dynamodb").scan(TableName=table, Limit=MAX_ROWS)
        return [from_item(item) for item in page["Items"]]
