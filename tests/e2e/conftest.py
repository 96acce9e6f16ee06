"""The order of the end-to-end tests."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Compare what is granted with what was used when all has been used."""
    items.sort(key=lambda item: item.name == "test_every_right_that_is_granted_is_used")
