"""The notifications stack, by what it declares: state, functions, contacts and the flow."""

from stacks.notifications.stack import NotificationsStack

__all__ = ["NotificationsStack"]
