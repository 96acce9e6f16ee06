"""What the warehouse tells."""

from dataclasses import dataclass
from typing import ClassVar

from lambdas.contracts.event import Event
from lambdas.contracts.values import Line

SOURCE = "com.aws.warehouse"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPicked(Event):
    """The goods of an order were taken from the shelf and stand ready; the only event of its order.

    Whether they leave is shipping's to say: the order may have been cancelled meanwhile.
    """

    source: ClassVar = SOURCE
    detail_type: ClassVar = "OrderPicked"
    version: ClassVar = 1

    order_id: str
    lines: tuple[Line, ...]


EVENTS: tuple[type[Event], ...] = (OrderPicked,)
