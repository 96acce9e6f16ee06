"""A function's settings, which its stack puts into the environment."""

import os


class SettingMissing(Exception):
    """The stack did not give the function a setting that it needs."""


def setting(name: str) -> str:
    """The value of ``name``; raises SettingMissing when the stack left it out."""
    try:
        return os.environ[name]
    except KeyError:
        raise SettingMissing(f"{name} is not set: the function's stack must set it") from None
