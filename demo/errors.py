"""Errors that end the demo."""


class DemoError(Exception):
    """The demo cannot go on; the message says why."""
