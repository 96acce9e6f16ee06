"""The orders stack, by what it declares: state, functions, sagas, jobs and the flow."""

from stacks.orders.stack import OrdersStack

__all__ = ["OrdersStack"]
