"""A function's settings: environment variables that its stack sets."""

import os


class SettingMissing(Exception):
    """The function needs a setting that its stack did not set."""


def setting(name: str) -> str:
    """Return the environment variable ``name``; raise SettingMissing if it is not set."""
    try:
        return os.environ[name]
    except KeyError:
        raise SettingMissing(f"{name} is not set: the function's stack must set it") from None
