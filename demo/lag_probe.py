"""Measurement of how soon orders' events appear in storefront's timelines."""

import math
import threading
import time
from collections.abc import Sequence
from datetime import datetime
from sqlite3 import Connection
from typing import TYPE_CHECKING

from lambdas.runtime.dynamodb import from_item

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


INTERVAL = 0.1
"""Seconds between two readings of the timelines."""
WATCHED_ORDERS = 16
"""The number of orders whose timelines are read, the newest ones: one request, however large the
export."""


class LagProbe:
    """Measures the time from an event to its appearance in its order's timeline."""

    def __init__(self, dynamodb: "DynamoDBClient", table: str) -> None:
        """`table` is the name of the timelines' table."""
        self._dynamodb = dynamodb
        self._table = table
        self._orders: Sequence[str] = ()
        self._known: set[str] = set()
        self.stop = threading.Event()
        """Ends `run`."""
        self.lags: dict[tuple[str, str], float | None] = {}
        """Seconds, by order and event; None for events seen in the first reading of an order."""

    def follow_newest(self, database: Connection) -> None:
        """Measure the orders that were accepted last."""
        newest = database.execute(
            "SELECT order_id FROM accepted ORDER BY rowid DESC LIMIT ?", [WATCHED_ORDERS]
        )
        self._orders = [order_id for (order_id,) in newest]

    def run(self) -> None:
        """Read the timelines repeatedly, until `stop` is set."""
        while not self.stop.wait(INTERVAL):
            self.read()

    def read(self) -> None:
        """Read the timelines once, and record the lags of the events that are new in them."""
        orders = self._orders
        if not orders:
            return
        keys = [{"order_id": {"S": order_id}} for order_id in orders]
        answer = self._dynamodb.batch_get_item(
            RequestItems={self._table: {"Keys": keys, "ConsistentRead": True}}
        )
        now = time.time()
        for row in map(from_item, answer["Responses"][self._table]):
            order_id = row["order_id"]
            for event in (name for name in row if "/" in name):
                lag = now - datetime.fromisoformat(row[event]["at"]).timestamp()
                self.lags.setdefault((order_id, event), lag if order_id in self._known else None)
        self._known.update(orders)


def percentile(lags: Sequence[float], share: float) -> float:
    """Return the smallest lag that at least `share` percent of the sorted lags do not exceed."""
    return lags[max(0, math.ceil(len(lags) * share / 100) - 1)]
