"""A run does what its orders last for."""

import io
import sqlite3
from typing import Any

import pytest

from demo import scenario
from demo.database import insert
from demo.scenario import MIN_ORDERS_TO_RESHARD, run_export
from demo.screen import Screen


class CreatedError(Exception):
    """The run was created, and that is all that the test needs."""


@pytest.mark.parametrize(
    ("orders", "with_faults", "resharded"),
    [
        (MIN_ORDERS_TO_RESHARD, True, True),
        (MIN_ORDERS_TO_RESHARD - 1, True, False),
        (MIN_ORDERS_TO_RESHARD, False, False),
    ],
)
def test_stream_is_resharded_only_while_enough_orders_flow(
    database: sqlite3.Connection,
    monkeypatch: pytest.MonkeyPatch,
    orders: int,
    with_faults: bool,
    resharded: bool,
):
    insert(database, "invoices", [(n, f"{n}", "ada", "EIRE", "[]") for n in range(orders)])
    asked: list[bool] = []

    def create(*_: object, reshard: bool) -> Any:
        asked.append(reshard)
        raise CreatedError

    monkeypatch.setattr(scenario, "create_run", create)
    cloud: Any = None
    with pytest.raises(CreatedError):
        run_export(cloud, {}, database, Screen(io.StringIO()), with_faults=with_faults)

    assert asked == [resharded]
