"""The notifications stack: state, functions, contacts and the flow; one module for each."""

from stacks.notifications.stack import NotificationsStack

__all__ = ["NotificationsStack"]
