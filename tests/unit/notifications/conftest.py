from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.notifications.post_office import PostOffice


@pytest.fixture
def office(dynamodb: Any, make_table: Callable[..., str]) -> PostOffice:
    return PostOffice(dynamodb, make_table)
