"""The events of the warehouse."""

from dataclasses import dataclass
from typing import ClassVar

from lambdas.contracts.event import Event
from lambdas.contracts.values import Identifier, Lines

SOURCE = "com.aws.warehouse"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPicked(Event):
    """The goods of an order were picked and are ready. This is the only event of a picking.

    Shipping decides whether they are dispatched: the order may have been cancelled since.
    """

    source: ClassVar = SOURCE
    version: ClassVar = 1

    order_id: Identifier
    lines: Lines


EVENTS: tuple[type[Event], ...] = (OrderPicked,)
