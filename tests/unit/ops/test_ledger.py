"""A charge and its entries are read from the ledger."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import pytest

from ops.deployed import Deployed
from ops.orders import ledger
from ops.orders.render import render_lines
from ops.orders.trace import trace_document
from tests.unit.ops.order_samples import ID, NOW, REJECTED


class Books:
    """The ledger's answer to the one question that it is asked."""

    def __init__(self, *rows: Sequence[Any]) -> None:
        self.rows = rows
        self.closed = False

    def run(self, query: str, *, order_id: str) -> Sequence[Sequence[Any]]:
        assert order_id == ID
        return self.rows

    def close(self) -> None:
        self.closed = True


class TestLedger:
    def collect(self, monkeypatch: pytest.MonkeyPatch, *rows: Sequence[Any]) -> Any:
        books = Books(*rows)
        monkeypatch.setattr(ledger, "_connect", lambda *_: books)
        found = ledger.read_payment(cast(Deployed, None), "host", ID)
        assert books.closed
        return found

    def test_charge_has_its_entries(self, monkeypatch: pytest.MonkeyPatch):
        charged = ("REFUNDED", 2_208, "GBP", "", NOW, NOW)
        entries = (
            ("CHARGE", "card-provider", "customer/ada", 2_208, "GBP", NOW, True),
            ("REFUND", "customer/ada", "card-provider", 2_208, "GBP", NOW, False),
        )
        found = self.collect(monkeypatch, *([*charged, *entry] for entry in entries))
        assert (found["state"], found["amount"]) == ("REFUNDED", 2_208)
        assert [(e["kind"], e["debit"], e["published"]) for e in found["entries"]] == [
            ("CHARGE", "card-provider", True),
            ("REFUND", "customer/ada", False),
        ]

    def test_tombstone_has_no_amount_and_no_entries(self, monkeypatch: pytest.MonkeyPatch):
        row = ["REFUNDED", None, None, "", NOW, NOW, *[None] * 6, True]
        found = self.collect(monkeypatch, row)
        assert (found["amount"], found["entries"]) == (None, [])
        document = trace_document(replace(REJECTED, records={"payments": found}), now=NOW)
        assert "  payments  REFUNDED of nothing" in list(render_lines(document))

    def test_missing_charge_is_none(self, monkeypatch: pytest.MonkeyPatch):
        assert self.collect(monkeypatch) is None
