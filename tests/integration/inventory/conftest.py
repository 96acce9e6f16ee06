from collections.abc import Callable
from typing import Any

import pytest

from tests.support.inventory_tables import Inventory


@pytest.fixture
def inventory(dynamodb: Any, make_table: Callable[..., str]) -> Inventory:
    return Inventory(dynamodb, make_table)
