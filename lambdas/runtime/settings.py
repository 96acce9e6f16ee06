"""A function's settings: environment variables that its stack sets."""

import os


class SettingMissing(Exception):
    """The function needs a setting that its stack did not set."""


class SettingInvalid(Exception):
    """A setting has a value that the program cannot use."""


def setting(name: str) -> str:
    """Return the environment variable ``name``; raise SettingMissing if it is not set."""
    try:
        return os.environ[name]
    except KeyError:
        raise SettingMissing(f"{name} is not set: the function's stack must set it") from None


def whole_number(name: str) -> int:
    """Return the environment variable ``name``, which is a whole number of 0 or more.

    Raises:
        SettingMissing: it is not set.
        SettingInvalid: it is not a whole number.
    """
    text = setting(name)
    if not text.isdecimal():
        raise SettingInvalid(f"{name} is {text!r}: it must be a whole number, 0 or more")
    return int(text)
