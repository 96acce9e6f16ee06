"""Errors that end the demo."""


class DemoError(Exception):
    """The demo cannot go on; the message tells the person who started it why."""
