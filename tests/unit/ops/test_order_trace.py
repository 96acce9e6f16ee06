"""An order's trace: what it shows, in golden files, and in which order."""

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from ops.orders.records import OrderRecords
from ops.orders.render import render_lines
from ops.orders.trace import format_amount, history, trace_document
from tests.unit.ops.order_samples import (
    BLIND,
    DISPATCHED,
    NOW,
    PLACED,
    SITUATIONS,
    TROUBLED,
    at,
    hold,
    order,
)


@pytest.mark.parametrize("situation", SITUATIONS)
def test_trace_as_text(situation: str, golden: SnapshotAssertion):
    document = trace_document(SITUATIONS[situation], now=NOW)

    assert "\n".join(render_lines(document)) == golden


def test_what_could_not_be_read_is_not_said_to_be_nothing():
    unseen = replace(BLIND, records=DISPATCHED.records)
    lines = list(render_lines(trace_document(unseen, now=NOW)))

    assert "  nothing" not in lines
    assert "  nothing in what could be read" in lines
    assert any(line.split() == ["dlq", "some", "could", "not", "be", "read"] for line in lines)


@pytest.mark.parametrize("situation", ["troubled"])
def test_trace_as_json(situation: str, golden: SnapshotAssertion):
    document = trace_document(SITUATIONS[situation], now=NOW)

    assert json.dumps(document, indent=2, ensure_ascii=False) == golden


class TestHistory:
    @pytest.mark.parametrize("known", SITUATIONS.values())
    def test_history_is_sorted_by_time(self, known: OrderRecords):
        times = [datetime.fromisoformat(moment["at"]) for moment in history(known)]
        assert times == sorted(times)

    def test_history_compares_times_of_different_offsets(self):
        known = replace(
            PLACED,
            order={**PLACED.order, "cancel_requested_at": "2026-12-01T09:25:59.5+01:00"},
        )
        assert [moment["what"] for moment in history(known)] == [
            "cancellation",
            "OrderPlaced",
            "OrderHeld",
        ]

    @pytest.mark.parametrize(
        ("more", "why"),
        [
            ({}, "asked for by the customer"),
            (
                {"reason": "PaymentDisputed"},
                "by an operator, because its payment was disputed",
            ),
            ({"duplicate_of": "0e" * 16}, f"it repeats order {'0e' * 16}"),
            ({"duplicate_of": "0e" * 16, "reason": "Cancelled"}, "asked for by the customer"),
            (
                {
                    "duplicate_of": "0e" * 16,
                    "reason": "DuplicateOrder",
                    "holds": (hold("DuplicateOrder", "the same as another", "HELD", at(2)),),
                },
                f"by an operator, because it repeats order {'0e' * 16}",
            ),
            (
                {
                    "duplicate_of": "0e" * 16,
                    "holds": (hold("DuplicateOrder", "the same as another", "LIFTED", at(2)),),
                },
                "asked for by the customer",
            ),
        ],
    )
    def test_history_says_who_cancelled(self, more: dict[str, Any], why: str):
        """A duplicate that was held is the customer's to cancel."""
        known = replace(TROUBLED, order=order("CANCELLED", 5, 9, cancel_requested_at=at(3), **more))
        details = [each["detail"] for each in history(known) if each["what"] == "cancellation"]
        assert details == [why]


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [(1_500, "JPY", "1,500 JPY"), (1_500, "KWD", "1.500 KWD"), (123_405, "GBP", "1,234.05 GBP")],
)
def test_amount_has_the_digits_of_its_currency(amount: int, currency: str, text: str):
    assert format_amount({"amount": amount, "currency": currency}) == text
