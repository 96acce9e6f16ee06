"""The functions as their settings configure them: the real clients and connection."""

import json

import pytest

from lambdas.contracts.envelope import event_id
from lambdas.contracts.parsing import parse_detail
from lambdas.contracts.payments import SOURCE, PaymentTaken
from lambdas.payments.charging import take
from lambdas.payments.provider import ProviderError
from lambdas.runtime.settings import SettingMissing
from tests.support.aws_fakes import FakeEvents
from tests.support.listeners import listen
from tests.support.payments import CardProvider, ledger_of, take_command


@pytest.fixture
def function(load, admin):
    """Load a function whose connection is closed after the test: ``function(verb)``."""
    loaded = []

    def function(verb):
        loaded.append(load(verb))
        return loaded[-1]

    yield function
    for each in loaded:
        (each.charges if hasattr(each, "charges") else each.outbox)._database.close()


def event() -> dict[str, object]:
    command = take_command()
    return {
        "order_id": command.order_id,
        "customer_id": command.customer_id,
        "total": {"amount": command.total.amount, "currency": command.total.currency},
    }


def test_unreachable_provider_is_an_error_and_the_charge_stays_pending(function, admin):
    payment = event()
    with pytest.raises(ProviderError, match="ResourceNotFoundException"):
        function("take_payment").handler(payment, None)
    assert admin.run(
        "SELECT state, amount FROM payments.charges WHERE order_id = :id", id=payment["order_id"]
    ) == [["PENDING", 415]]


def test_refund_without_a_charge_does_not_call_the_provider(function):
    function("refund_payment").handler({"order_id": event()["order_id"]}, None)


@pytest.mark.parametrize("name", ["CARD_PROVIDER_FUNCTION", "EVENT_BUS"])
def test_missing_setting_is_named_before_anything_is_done(function, settings, admin, name):
    settings.delenv(name)
    payment = event()
    with pytest.raises(SettingMissing, match=name):
        function("take_payment").handler(payment, None)
    assert (
        admin.run("SELECT 1 FROM payments.charges WHERE order_id = :id", id=payment["order_id"])
        == []
    )


def test_publish_outbox_publishes_to_the_configured_bus(function, settings, admin, local_cloud):
    """A real bus, and a queue behind it."""
    local_cloud.client("events").create_event_bus(Name="Sweeper")
    url = listen(local_cloud, "Sweeper", pattern={"source": [SOURCE]}, name="swept")
    settings.setenv("EVENT_BUS", "Sweeper")
    command = take_command()
    take(command, ledger_of(admin, FakeEvents(broken=True)), CardProvider())
    admin.run("DELETE FROM payments.outbox WHERE order_id <> :id", id=command.order_id)
    admin.run("UPDATE payments.outbox SET recorded_at = now() - interval '1 minute'")

    assert function("publish_outbox").handler({}, None) == {"published": 1, "rejected": 0}

    sqs = local_cloud.client("sqs")
    (message,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
    envelope = parse_detail(PaymentTaken, json.loads(message["Body"])["detail"])
    assert envelope.metadata.event_id == event_id(SOURCE, command.order_id, 1)
