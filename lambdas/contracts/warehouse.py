"""The events of the warehouse."""

from dataclasses import dataclass
from typing import ClassVar

from lambdas.contracts.event import Event
from lambdas.contracts.values import Identifier, Lines

SOURCE = "com.aws.warehouse"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPicked(Event):
    """The goods of an order were picked and are ready; the only event of its order.

    Shipping decides whether they leave: the order may have been cancelled meanwhile.
    """

    source: ClassVar = SOURCE
    version: ClassVar = 1

    order_id: Identifier
    lines: Lines


EVENTS: tuple[type[Event], ...] = (OrderPicked,)
