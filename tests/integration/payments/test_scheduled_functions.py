"""The functions that query, reconcile and publish, with their events and settings."""

import json
from typing import Any

import pytest

from lambdas.contracts.codec import ContractError
from lambdas.contracts.envelope import event_id
from lambdas.contracts.payments import SOURCE
from lambdas.payments.charging import take
from lambdas.payments.outbox import Outbox
from lambdas.runtime.bus import Bus
from lambdas.runtime.settings import SettingMissing
from tests.support.aws_fakes import FakeEvents
from tests.support.payments import (
    begin_stale_charges,
    ledger_of,
    take_command,
)

pytestmark = pytest.mark.usefixtures("empty_indexes")


class TestFunctions:
    @pytest.fixture(autouse=True)
    def setting(self, settings):
        settings.setenv("STALE_AFTER_SECONDS", "3600")

    @pytest.fixture
    def query_stale_charges(self, load, unresolved_charges):
        function = load("query_stale_charges")
        function.charges = unresolved_charges
        return function

    @pytest.fixture
    def reconcile_charge(self, load, store, provider, unresolved_charges):
        function = load("reconcile_charge")
        function.charges, function.provider = store, provider
        function.unresolved = unresolved_charges
        return function

    @pytest.fixture
    def publish_outbox(self, load, admin, events):
        function = load("publish_outbox")
        function.outbox = Outbox(admin, Bus("Orders", eventbridge=events))
        return function

    def event(self, name: str, source: str, **data: Any) -> dict[str, Any]:
        metadata = {
            "event_id": "e", "subject": data.get("order_id", "s"), "sequence": 1,
            "correlation_id": "c", "causation_id": "c", "occurred_at": "2026-12-01T09:00:00Z",
            "schema_version": 1,
        }  # fmt: skip
        detail = {"metadata": metadata, "data": data}
        return {"source": source, "detail-type": name, "detail": detail}

    def test_run_returns_and_logs_its_outcome(self, query_stale_charges, admin, store, capsys):
        begin_stale_charges(admin, store, 2)
        event = {"source": "aws.scheduler", "detail": "{}"}
        assert query_stale_charges.handler(event, None) == {"queried": 2, "rejected": 0}
        assert json.loads(capsys.readouterr().out) == {
            "message": "stale_charges_queried",
            "level": "INFO",
            "queried": 2,
            "rejected": 0,
        }

    def test_dry_run_returns_the_orders_and_changes_nothing(
        self, query_stale_charges, admin, store, events
    ):
        orders = begin_stale_charges(admin, store, 2)
        before = admin.run("SELECT * FROM payments.unresolved_charges ORDER BY 1")
        for _ in range(2):
            assert query_stale_charges.handler({"dry_run": True}, None) == {"would_query": orders}
        assert admin.run("SELECT * FROM payments.unresolved_charges ORDER BY 1") == before
        assert events.requests == []

    def test_invalid_dry_run_flag_is_a_contract_error_and_has_no_effect(
        self, query_stale_charges, publish_outbox, admin, store, events
    ):
        begin_stale_charges(admin, store, 1)
        for handler in (query_stale_charges.handler, publish_outbox.handler):
            with pytest.raises(ContractError, match="dry_run must be a boolean"):
                handler({"dry_run": "true"}, None)
        assert events.requests == []

    def test_missing_stale_after_is_named(self, load, settings):
        settings.delenv("STALE_AFTER_SECONDS")
        with pytest.raises(SettingMissing, match="STALE_AFTER_SECONDS"):
            load("query_stale_charges")

    def test_order_event_and_status_report_reconcile_a_charge(
        self, reconcile_charge, store, provider
    ):
        kept, undone = take_command(), take_command()
        for command in (kept, undone):
            take(command, store, provider)
        total = {"amount": 1, "currency": "GBP"}
        line = {"sku": "A", "quantity": 1, "unit_price": 1}
        confirmed = self.event(
            "OrderConfirmed", "com.aws.orders", order_id=kept.order_id, customer_id="c-1",
            lines=[line], total=total, country="France",
        )  # fmt: skip
        looked_up = self.event(
            "OrderStatusReported", "com.aws.orders", order_id=undone.order_id, state="REJECTED"
        )

        assert reconcile_charge.handler(confirmed, None) == {
            "order_id": kept.order_id,
            "order": "CONFIRMED",
            "outcome": "RESOLVED",
        }
        assert reconcile_charge.handler(looked_up, None)["outcome"] == "REFUNDED"
        with pytest.raises(ContractError, match=r"OrderRejected of .* is none of OrderConfirmed"):
            reconcile_charge.handler(self.event("OrderRejected", "com.aws.orders"), None)

    def test_dry_run_of_publish_outbox_publishes_nothing(
        self, publish_outbox, admin, provider, events
    ):
        command = take_command()
        take(command, ledger_of(admin, FakeEvents(broken=True)), provider)
        assert publish_outbox.handler({"dry_run": True}, None) == {"would_publish": []}
        admin.run("UPDATE payments.outbox SET recorded_at = now() - interval '1 minute'")

        published = {"would_publish": [event_id(SOURCE, command.order_id, 1)]}
        assert publish_outbox.handler({"dry_run": True}, None) == published
        assert events.requests == []
        assert publish_outbox.handler({}, None) == {"published": 1, "rejected": 0}
