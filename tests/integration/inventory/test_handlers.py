import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdas.contracts.codec import ContractError
from lambdas.contracts.inventory import OutOfStock, ReservationAlreadyReleased
from lambdas.contracts.transient import TRANSIENT_ERRORS
from lambdas.inventory.batch_store import ReservationBatches
from lambdas.inventory.domain import StockBusyError
from lambdas.runtime.dead_letters import DeadLetterQueue
from lambdas.runtime.dynamodb import to_item
from lambdas.runtime.settings import SettingMissing
from lambdas.runtime.topic import Topic
from tests.support.aws_fakes import FakeSns, FakeSqs
from tests.support.inventory_tables import Inventory

Load = Callable[[str], Callable[[Any, None], Any]]


@pytest.fixture
def load(load_handler: Callable[..., Any], inventory: Inventory) -> Load:
    """A handler with the settings that its function has, and no others."""

    def load(verb: str) -> Any:
        tables = {"STOCK_TABLE": inventory.stock_table}
        if verb == "receive_stock":
            tables["DELIVERIES_TABLE"] = inventory.deliveries_table
        else:
            tables["RESERVATIONS_TABLE"] = inventory.reservations_table
        return load_handler(f"lambdas.inventory.{verb}", **tables)

    return load


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code}}, "TransactWriteItems")


def lines(**units: int) -> list[dict[str, Any]]:
    return [{"sku": sku, "quantity": quantity} for sku, quantity in units.items()]


def test_stock_is_received_reserved_and_released(
    load: Load, inventory: Inventory, capsys: pytest.CaptureFixture[str]
):
    received = load("receive_stock")({"delivery_id": "d1", "lines": lines(A=5)}, None)
    assert received == {"delivery_id": "d1", "state": "RECEIVED"}

    twice = {"order_id": "o1", "lines": lines(A=1) + lines(A=2), "unknown": "ignored"}
    assert load("reserve_stock")(twice, None) == {"order_id": "o1", "state": "RESERVED"}
    assert inventory.stock() == {"A": (2, 3)}

    released = load("release_stock")({"order_id": "o1"}, None)
    assert released == {"order_id": "o1", "state": "RELEASED"}
    assert inventory.stock() == {"A": (5, 0)}

    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [
        {"message": "stock_received", "level": "INFO", "delivery_id": "d1", "skus": 1},
        {
            "message": "stock_reservation_decided",
            "level": "INFO",
            "order_id": "o1",
            "state": "RESERVED",
        },
        {"message": "stock_released", "level": "INFO", "order_id": "o1", "state": "RELEASED"},
    ]


def test_delivery_id_of_other_goods_is_refused(load: Load, inventory: Inventory):
    receive = load("receive_stock")
    first = {"delivery_id": "d1", "lines": lines(A=5, B=1)}
    receive(first, None)
    stored = inventory.rows(inventory.deliveries_table)

    for other in (lines(A=6, B=1), lines(A=5), [{"sku": "A", "quantity": 5, "minimum": 9}]):
        with pytest.raises(ContractError, match="delivery_id is that of a delivery of other goods"):
            receive({"delivery_id": "d1", "lines": other}, None)
    for same in (lines(A=5, B=1), lines(B=1, A=2) + lines(A=3)):
        assert receive({"delivery_id": "d1", "lines": same}, None)["state"] == "RECEIVED"
    assert inventory.stock() == {"A": (5, 0), "B": (1, 0)}
    assert inventory.rows(inventory.deliveries_table) == stored


def test_units_are_written_off_once_and_no_more_than_are_available(
    load: Load, inventory: Inventory
):
    receive = load("receive_stock")
    receive({"delivery_id": "d1", "lines": lines(A=5, B=1)}, None)
    load("reserve_stock")({"order_id": "o1", "lines": lines(A=2)}, None)
    broken = {"delivery_id": "broken-1", "lines": lines(A=-3, C=4)}

    for _ in range(2):
        assert receive(broken, None) == {"delivery_id": "broken-1", "state": "RECEIVED"}
    assert inventory.stock() == {"A": (0, 2), "B": (1, 0), "C": (4, 0)}

    for more in (lines(A=-1, B=-1, C=-4), lines(A=-1, unknown=-1, B=-1)):
        with pytest.raises(OutOfStock, match=r"^too few available of A"):
            receive({"delivery_id": "broken-2", "lines": more}, None)
    assert inventory.stock() == {"A": (0, 2), "B": (1, 0), "C": (4, 0)}
    assert len(inventory.rows(inventory.deliveries_table)) == 2


def test_too_few_are_refused_by_name(load: Load, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(OutOfStock, match=r"^too few available of A, B$") as refusal:
        load("reserve_stock")({"order_id": "o1", "lines": lines(A=1, B=2)}, None)

    assert type(refusal.value).__name__ == "OutOfStock"
    assert json.loads(capsys.readouterr().out)["state"] == "REFUSED"


def test_reservation_after_its_release_is_refused_by_name(load: Load):
    load("release_stock")({"order_id": "o1"}, None)

    with pytest.raises(ReservationAlreadyReleased):
        load("reserve_stock")({"order_id": "o1", "lines": lines(A=1)}, None)


@pytest.mark.parametrize(
    ("verb", "units"),
    [("reserve_stock", lines(A=0, B=-1)), ("receive_stock", lines(A=10**10, B=-(10**10)))],
)
def test_bad_input_is_named_and_leaves_no_trace(
    load: Load, inventory: Inventory, verb: str, units: list[dict[str, Any]]
):
    bad = {"order_id": "o1", "delivery_id": "d1", "lines": units}

    with pytest.raises(ContractError) as refusal:
        load(verb)(bad, None)

    assert [problem.split()[0] for problem in refusal.value.problems] == [
        "lines[0].quantity",
        "lines[1].quantity",
    ]
    for table in (inventory.stock_table, inventory.reservations_table, inventory.deliveries_table):
        assert inventory.rows(table) == []


def test_function_without_its_settings_does_not_start(load_handler: Callable[..., Any]):
    with pytest.raises(SettingMissing, match="RESERVATIONS_TABLE"):
        load_handler("lambdas.inventory.release_stock", STOCK_TABLE="stock")


def test_change_of_stock_is_published_on_the_topic(
    load_handler: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
):
    handler = load_handler(
        "lambdas.inventory.relay_outbox", STOCK_TOPIC="topic", DEAD_LETTER_QUEUE_URL="dead-letters"
    )
    sns = FakeSns()
    monkeypatch.setattr(handler.__globals__["relay"], "_publisher", Topic("topic", sns=sns))
    row = {
        "sku": "A",
        "available": 9,
        "reserved": 0,
        "minimum": 5,
        "sequence": 1,
        "changed_at": "2026-01-01T00:00:00+00:00",
        "cause": "ReceiveStock/d1",
    }
    record = {"dynamodb": {"SequenceNumber": "1", "NewImage": to_item(row)}}

    assert handler({"Records": [record]}, None) == {"batchItemFailures": []}
    assert sns.delivered == [("A", 1)]


class TestMoveUnits:
    """The function that moves units of pending reservations."""

    @pytest.fixture
    def sqs(self) -> FakeSqs:
        return FakeSqs()

    @pytest.fixture
    def move(
        self,
        load_handler: Callable[..., Any],
        inventory: Inventory,
        sqs: FakeSqs,
        monkeypatch: pytest.MonkeyPatch,
    ) -> Callable[..., Any]:
        handler = load_handler(
            "lambdas.inventory.move_units",
            STOCK_TABLE=inventory.stock_table,
            RESERVATIONS_TABLE=inventory.reservations_table,
            DEAD_LETTER_QUEUE_URL="dead-letters",
        )
        pending = handler.__globals__["pending"]
        monkeypatch.setattr(pending, "_dead_letters", DeadLetterQueue("dead-letters", sqs=sqs))
        return lambda *rows: handler({"Records": [*map(record, enumerate(rows))]}, None)

    def test_pending_rows_are_decided(
        self,
        move: Callable[..., Any],
        inventory: Inventory,
        capsys: pytest.CaptureFixture[str],
    ):
        inventory.receive("d1", {"A": 2})
        inventory.reserve("o1", {"A": 2}, busy=True)
        inventory.reserve("o2", {"A": 2})

        assert move(*inventory.reservations().values()) == {"batchItemFailures": []}
        assert json.loads(capsys.readouterr().out) == {
            "message": "reservations_moved",
            "level": "INFO",
            "processed": 2,
            "dead_lettered": 0,
            "failed": 0,
        }
        assert {row["state"] for row in inventory.reservations().values()} == {
            "RESERVED",
            "REFUSED",
        }
        assert inventory.stock() == {"A": (0, 2)}

    def test_malformed_and_contradicting_rows_are_dead_lettered_and_the_others_moved(
        self, move: Callable[..., Any], inventory: Inventory, sqs: FakeSqs
    ):
        inventory.receive("d1", {"A": 2})
        inventory.reserve("bad", {"A": 1})
        inventory.release("bad", busy=True)
        inventory.overwrite_stock("A", available=1, reserved=0)
        inventory.reserve("good", {"A": 1}, busy=True)
        inventory.receive("d2", {"B": 2})
        inventory.reserve("edited", {"A": 1, "B": 1}, busy=True)
        inventory.overwrite_stock("B", available="two", reserved=0)
        nonsense = {"order_id": "o9", "state": "WAITING"}

        assert move(nonsense, *inventory.reservations().values()) == {"batchItemFailures": []}
        assert inventory.stock()["A"] == (0, 1)
        sent = [json.loads(message["MessageBody"]) for message in sqs.sent]
        assert sorted(each["reason"].partition(":")[0] for each in sent) == [
            "it holds more units than the stock reserves",
            "not a Reservation o9",
            "not a SeenStock B",
        ]

    @pytest.mark.parametrize("error", [StockBusyError(), refused("TransactionConflictException")])
    def test_busy_rows_come_again_and_nothing_is_dead_lettered(
        self,
        move: Callable[..., Any],
        inventory: Inventory,
        sqs: FakeSqs,
        monkeypatch: pytest.MonkeyPatch,
        error: Exception,
    ):
        inventory.receive("d1", {"A": 2})
        inventory.reserve("o1", {"A": 2}, busy=True)

        def busy(*_: Any, **__: Any) -> None:
            raise error

        monkeypatch.setattr(ReservationBatches, "move", busy)

        nonsense = {"order_id": "o9", "state": "WAITING"}
        failed = move(nonsense, *inventory.reservations().values())
        assert failed == {"batchItemFailures": [{"itemIdentifier": "0"}]}
        assert sqs.sent == []
        error = refused("ValidationException")
        with pytest.raises(ClientError):
            move(*inventory.reservations().values())


def record(numbered: tuple[int, dict[str, Any]]) -> dict[str, Any]:
    number, row = numbered
    return {"dynamodb": {"SequenceNumber": str(number), "NewImage": to_item(row)}}


def test_waiting_order_is_neither_reserved_nor_refused(load: Load, inventory: Inventory):
    inventory.receive("d1", {"A": 2})
    inventory.reserve("o1", {"A": 2}, busy=True)

    with pytest.raises(StockBusyError, match="order o1 waits"):
        load("reserve_stock")({"order_id": "o1", "lines": lines(A=2)}, None)
    assert StockBusyError.__name__ in TRANSIENT_ERRORS


def test_order_whose_release_is_pending_is_refused_by_name(load: Load, inventory: Inventory):
    inventory.receive("d1", {"A": 2})
    inventory.reserve("o1", {"A": 2})
    inventory.release("o1", busy=True)

    with pytest.raises(ReservationAlreadyReleased):
        load("reserve_stock")({"order_id": "o1", "lines": lines(A=2)}, None)
