"""The projections of the order stream, called as Lambda calls them."""

import json
from collections.abc import Callable
from typing import Any

from lambdas.runtime.dead_letters import DeadLetterQueue
from tests.support.aws_fakes import FakeSqs
from tests.support.order_events import records
from tests.support.view_tables import FakeTable

SETTINGS = {
    "update_timelines": "TIMELINES_TABLE",
    "update_customer_orders": "CUSTOMER_ORDERS_TABLE",
    "update_sales": "SALES_TABLE",
}


class Projection:
    """A projection's function with its own table and dead-letter queue."""

    def __init__(self, handler: Any, table: Any) -> None:
        self.handler = handler
        self.table = table
        self.sqs = FakeSqs()

    def deliver(self, *published: Any) -> list[str]:
        """Call it with records; return the numbers of those that Lambda delivers again."""
        consumer, customer_view = (self.handler.__globals__[name] for name in ("consumer", "view"))
        consumer._dead_letters = DeadLetterQueue("dead-letters", sqs=self.sqs)
        customer_view._dynamodb = self.table
        answer = self.handler({"Records": records(*published)}, None)
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    @property
    def reasons(self) -> list[str]:
        return [json.loads(message["MessageBody"])["reason"] for message in self.sqs.sent]


def projection_maker(load: Callable[..., Any], name: str) -> Callable[..., Projection]:
    """Return a function that makes a projection with a given table, or with an empty fake one."""
    setting = {SETTINGS[name]: "table", "DEAD_LETTER_QUEUE_URL": "dead-letters"}
    handler = load(f"lambdas.storefront.{name}", **setting)
    return lambda table=None: Projection(handler, table or FakeTable())
