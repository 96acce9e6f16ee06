from collections.abc import Callable
from typing import Any

import pytest

from tests.support.mailer import Mailer


@pytest.fixture
def mailer(dynamodb: Any, make_table: Callable[..., str]) -> Mailer:
    return Mailer(dynamodb, make_table)
