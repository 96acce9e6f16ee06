"""The timeline of an order."""

from itertools import permutations
from typing import Any

from lambdas.storefront.timeline import build_timeline_upserts, render_timeline
from tests.support.order_events import (
    confirmed,
    needs_attention,
    notified,
    order_history,
    placed,
    rejected,
)


class TestTimeline:
    def test_timeline_orders_events_of_all_services_with_reasons(self):
        (upsert,) = build_timeline_upserts(reversed([*order_history(), rejected("o1")]))
        row = {"order_id": upsert.order_id, **upsert.attributes}

        assert render_timeline(row)["order_id"] == "o1"
        assert [(e["service"], e["event"]) for e in render_timeline(row)["events"]] == [
            ("orders", "OrderPlaced"),
            ("payments", "PaymentTaken"),
            ("orders", "OrderConfirmed"),
            ("warehouse", "OrderPicked"),
            ("shipping", "ShipmentDispatched"),
            ("orders", "OrderDispatched"),
        ]
        assert render_timeline(row)["events"][0]["total"] == {"amount": 2_208, "currency": "GBP"}
        (refused,) = build_timeline_upserts([rejected()])
        (event,) = render_timeline({"order_id": "o1", **refused.attributes})["events"]
        assert (event["reason"], event["explanation"]) == ("OutOfStock", "too few of 85123A")

    def test_timeline_hides_internal_details(self):
        (upsert,) = build_timeline_upserts([needs_attention()])

        (event,) = render_timeline({"order_id": "o1", **upsert.attributes})["events"]
        assert event == {
            "service": "orders",
            "event": "OrderNeedsAttention",
            "at": "2026-12-01T08:26:09+00:00",
        }

    def test_notification_is_a_timeline_event_in_any_order(self):
        published = [placed(), confirmed(), notified(), notified(sequence=3)]
        for events in permutations(published):
            row: dict[str, Any] = {"order_id": "o1"}
            for upsert in build_timeline_upserts([*events, *events]):
                row |= upsert.attributes
            lines = render_timeline(row)["events"]

            assert [line["event"] for line in lines] == [
                *("OrderPlaced", "OrderConfirmed"),
                *["CustomerNotified"] * 2,
            ]
            assert lines[2] == {
                "service": "notifications",
                "event": "CustomerNotified",
                "at": "2026-12-01T08:26:03+00:00",
                "notice": "OrderConfirmed",
                "result": "SENT",
            }

    def test_only_orders_says_whose_a_timeline_is(self):
        _, taken, *_ = order_history(customer="mallory")
        others = [taken, notified(customer="mallory")]

        (upsert,) = build_timeline_upserts(others)
        assert "customer_id" not in upsert.attributes
        (upsert,) = build_timeline_upserts([*others, placed(), *others])
        assert upsert.attributes["customer_id"] == "ada"
