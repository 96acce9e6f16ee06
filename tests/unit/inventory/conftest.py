from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.inventory.shop import Shop


@pytest.fixture
def shop(dynamodb: Any, make_table: Callable[..., str]) -> Shop:
    return Shop(dynamodb, make_table)
