"""The orders stack: state, functions, sagas, jobs and the flow; one module for each."""

from stacks.orders.stack import OrdersStack

__all__ = ["OrdersStack"]
