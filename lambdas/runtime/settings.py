"""A function's settings: environment variables that its stack sets."""

import os


class SettingMissing(Exception):
    """The stack did not set a setting that the function needs."""


def setting(name: str) -> str:
    """Return the value of ``name``; raise SettingMissing when the stack did not set it."""
    try:
        return os.environ[name]
    except KeyError:
        raise SettingMissing(f"{name} is not set: the function's stack must set it") from None
