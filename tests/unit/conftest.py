"""The fixtures of unit tests."""

from tests.support.handlers import load_offline_handler

__all__ = ["load_offline_handler"]
