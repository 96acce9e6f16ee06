"""The records of an order are collected from every service."""

import json
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from pg8000.native import DatabaseError, InterfaceError

from lambdas.runtime.dynamodb import from_item, to_item
from ops.commands import order_show as command
from ops.deployed import Deployed, OperationError
from ops.orders import collect, ledger
from ops.orders.collect import MAX_READS, RecordCollector
from ops.orders.executions import Execution, execution_of
from ops.orders.records import OrderRecords
from ops.orders.render import render_lines
from ops.orders.trace import trace_document
from ops.terminal import Terminal
from tests.unit.ops.order_account import EMAIL, Account
from tests.unit.ops.order_samples import (
    ARN,
    FULFILLED,
    ID,
    NOW,
    PLACED,
    SUCCEEDED,
    WITHDRAWAL,
    at,
    charge,
    happened,
    order,
    reservation,
    shipment,
)

CLAIMED = order("CONFIRMED", by=[ARN])


class TestCollecting:
    @pytest.fixture(autouse=True)
    def books(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ledger, "read_payment", lambda *_: charge("TAKEN", "CHARGE"))
        monkeypatch.setattr(collect, "find_dead_letters", lambda *_: ((), self.held))

    held: Sequence[str] = ()

    def collect(self, account: Account, id: str = ID) -> OrderRecords:
        return RecordCollector(cast(Deployed, account), id).collect()

    def test_each_service_is_read_once_and_orders_twice(self):
        account = Account(CLAIMED, e1=FULFILLED)
        known = self.collect(account)
        assert known.records["inventory"] == from_item(to_item(reservation("RESERVED")))
        assert known.records["shipping"] is None
        assert known.records["notifications"] == {"emails": [EMAIL]}
        assert known.executions == [execution_of(ARN, FULFILLED)]
        assert account.asked == [
            "OrdersTable",
            "ReservationsTable",
            "ShipmentsTable",
            "PickingsTable",
            "TimelinesTable",
            "EmailRecordsTable",
            "OrdersTable",
        ]

    @pytest.mark.parametrize(("changes", "times"), [(1, 2), (2, 3), (99, MAX_READS)])
    def test_changing_order_is_read_again_a_few_times(self, changes: int, times: int):
        account = Account(CLAIMED, changes=changes)
        self.collect(account)
        assert account.asked.count("ShipmentsTable") == times

    def test_unreadable_service_is_named_and_the_rest_is_read(self):
        known = self.collect(Account(CLAIMED, without="Warehouse", denied="ShipmentsTable"))
        assert set(known.records) == {"payments", "inventory", "storefront", "notifications"}
        assert set(known.unreadable) == {"shipping", "warehouse"}
        assert known.unreadable["warehouse"].startswith("there is no stack ")
        assert "AccessDeniedException" in known.unreadable["shipping"]
        assert "\n" not in known.unreadable["shipping"]

    @pytest.mark.parametrize(
        ("error", "said"),
        [
            (DatabaseError({"S": "FATAL", "C": "08006", "M": "access denied"}), "access denied"),
            (InterfaceError("no\nanswer"), "no"),
            (TimeoutError("timed out"), "timed out"),
        ],
    )
    def test_ledger_that_refuses_the_connection_is_unreadable(
        self, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
    ):
        def refuse(*_: Any) -> None:
            raise error

        monkeypatch.setattr(ledger, "read_payment", refuse)
        assert self.collect(Account(CLAIMED, e1=FULFILLED)).unreadable == {"payments": said}

    def test_dead_letters_that_cannot_be_seen_are_unreadable(self):
        self.held = ["orders/Repair: no", "some of shipping/Late cannot be seen now"]
        known = self.collect(Account(CLAIMED, e1=FULFILLED))
        why = "orders/Repair: no; some of shipping/Late cannot be seen now"
        assert known.unreadable == {"dead_letters": why}

    @pytest.mark.parametrize("id", [ID, "o-1"])
    def test_unknown_order_is_an_error(self, id: str):
        with pytest.raises(OperationError, match=f"there is no order {id}"):
            self.collect(Account(None), id)

    def test_expired_order_is_said_to_be_one(self):
        tombstone = {"order_id": ID, "expired_at": "2026-12-01T00:00:00.000Z"}
        with pytest.raises(OperationError, match=f"order {ID} expired at 2026-12-01T00:00:00.000Z"):
            self.collect(Account(tombstone))

    @pytest.mark.parametrize(
        ("column", "value"),
        [
            ("state", "NONSENSE"),
            ("state", None),
            ("changed_at", "yesterday"),
            ("changed_at", "2026-12-01T00:00:00"),
            ("total", "much"),
            ("lines", "none"),
            ("lines", [{"sku": 7}]),
            ("holds", [{"state": "HELD"}]),
            ("holds", "h"),
            ("claim_until", 10**20),
            ("claimed_by", "e"),
            ("reason", b"\x00"),
        ],
    )
    def test_row_that_is_no_order_is_said_in_one_line(self, column: str, value: Any):
        with pytest.raises(OperationError, match=f"the row {ID} is no order: ") as refused:
            self.collect(Account({**CLAIMED, column: value}))

        assert "\n" not in str(refused.value)

    @pytest.mark.parametrize(
        ("service", "table", "row"),
        [
            ("inventory", "ReservationsTable", {"state": "RESERVED"}),
            ("shipping", "ShipmentsTable", {**shipment("BOOKED"), "created_at": 7}),
            ("warehouse", "PickingsTable", {"lines": "x", "picked_at": at(1)}),
            ("storefront", "TimelinesTable", {"order_id": ID, "orders/x": {}}),
            ("storefront", "TimelinesTable", {"order_id": ID, "orders/1/1": "text"}),
            ("notifications", "EmailRecordsTable", {"order_id": ID, "kind": "OrderConfirmed"}),
        ],
    )
    def test_garbled_row_of_a_service_is_unreadable_and_the_rest_is_shown(
        self, service: str, table: str, row: dict[str, Any]
    ):
        account = Account(CLAIMED, e1=FULFILLED)
        account.tables[table] = row

        known = self.collect(account)

        assert set(known.unreadable) == {service}
        assert service not in known.records
        assert list(render_lines(trace_document(known, now=NOW)))

    @pytest.mark.parametrize(
        ("mappings", "said"),
        [
            ([], "not there: nothing reads for it"),
            ([{"State": "E", "LastProcessingResult": "no"}], "E, and its last result was: no"),
            ([{"State": "Disabled"}], "Disabled, and its last result was: none"),
        ],
    )
    @pytest.mark.parametrize(
        ("reader", "function"), [("relay", "RelayOutbox"), ("projection", "UpdateTimelines")]
    )
    def test_readers_are_asked_while_an_event_has_not_been_seen(
        self, mappings: list[dict[str, str]], said: str, reader: str, function: str
    ):
        account = Account(CLAIMED)
        account.mappings = {function: mappings}
        assert self.collect(account).readers[reader] == said
        account.tables["TimelinesTable"] = {"order_id": ID} | {
            f"orders/{n}/1": {"event": "OrderPlaced", "at": at(0)} for n in (1, 2, 3)
        }
        assert self.collect(account).readers == {}

    def test_execution_that_is_no_arn_is_shown_as_unknown(self):
        known = self.collect(Account(order("REJECTED", by=["nonsense"])))

        assert [each.status for each in known.executions] == ["UNKNOWN"]
        assert list(render_lines(trace_document(known, now=NOW)))

    @pytest.mark.parametrize(
        ("row", "executions"),
        [
            (order("CANCELLED"), []),
            (
                order("CONFIRMED", by=["arn:aws:states:r:1:express:Fulfilment:e:1"]),
                [("UNKNOWN", "an Express workflow: ")],
            ),
            (order("REJECTED", by=[ARN]), [("UNKNOWN", "its history is gone")]),
        ],
    )
    def test_execution_without_history_says_why(self, row: Any, executions: list[tuple[str, str]]):
        found: Sequence[Execution] = self.collect(Account(row)).executions
        assert [each.status for each in found] == [status for status, _ in executions]
        for execution, (_, note) in zip(found, executions, strict=True):
            assert execution.note.startswith(note)

    def test_executions_are_sorted_by_start(self):
        later = [happened("ExecutionStarted", 3), SUCCEEDED]
        withdrawn = order("CANCELLED", by=[ARN, "a:b:c:d:e:execution:A:first", WITHDRAWAL])
        account = Account(withdrawn, first=later, e1=FULFILLED)
        found = [execution.arn.rpartition(":")[2] for execution in self.collect(account).executions]
        assert found == ["e1", "first", "e2"]

    @pytest.mark.parametrize(
        ("account", "code"),
        [
            (lambda: Account(CLAIMED, without="Warehouse"), 2),
            (lambda: Account(CLAIMED), 1),
            (lambda: Account({**PLACED.order, "changed_at": datetime.now(UTC).isoformat()}), 0),
        ],
    )
    def test_exit_code_follows_from_problems_and_unreadable_services(
        self, account: Callable[[], Account], code: int, capsys: pytest.CaptureFixture[str]
    ):
        parser = ArgumentParser()
        command.arguments(parser)
        arguments = parser.parse_args([ID, "--json"])
        assert command.run(arguments, cast(Deployed, account()), Terminal()) == code
        said = json.loads(capsys.readouterr().out)
        assert (bool(said["unreadable"]), bool(said["problems"])) == (code == 2, code > 0)
        assert said["order_id"] == ID
