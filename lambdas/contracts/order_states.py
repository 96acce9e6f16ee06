"""The states of an order, and which of them mean the same to others."""

from enum import StrEnum


class OrderState(StrEnum):
    """The states of an order."""

    PLACED = "PLACED"
    """Accepted; the fulfilment saga reserves, charges and books, or has not begun yet."""
    CONFIRMED = "CONFIRMED"
    """The saga succeeded; the order waits to be picked and dispatched."""
    REJECTED = "REJECTED"
    """The saga failed or was refused, and everything was undone."""
    WITHDRAWN = "WITHDRAWN"
    """Cancelled after it was confirmed; the withdrawal saga is undoing it."""
    CANCELLED = "CANCELLED"
    """Cancelled, and everything was undone."""
    DISPATCHED = "DISPATCHED"
    """The shipment left."""


OPEN_STATES = (OrderState.PLACED, OrderState.WITHDRAWN)
"""A saga works on an order in one of these states, or has to."""
UNDONE_STATES = (OrderState.CANCELLED, OrderState.REJECTED)
"""Nothing may be left of an order in one of these states."""
FULFILLED_STATES = (OrderState.CONFIRMED, OrderState.DISPATCHED)
"""What was done for an order in one of these states is to stay."""
TERMINAL_STATES = (*UNDONE_STATES, OrderState.DISPATCHED)
"""An order in one of these states no longer changes state."""
HOLDABLE_STATES = (OrderState.PLACED, OrderState.CONFIRMED)
"""A hold keeps only an order in one of these states: any other left, ended or is being undone."""
