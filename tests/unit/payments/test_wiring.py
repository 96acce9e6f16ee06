"""The function as its environment configures it: the real clients, the real connection."""

import json

import pytest
from botocore.exceptions import ClientError

from lambdas.contracts.event import event_id, parse_detail
from lambdas.contracts.payments import SOURCE, PaymentTaken
from lambdas.payments import publish_outbox, refund_payment, take_payment
from lambdas.payments.charging import take
from lambdas.payments.outbox import outbox
from lambdas.payments.provider import provider
from lambdas.payments.store import store
from lambdas.runtime.settings import SettingMissing
from tests.support.listeners import listen
from tests.unit.runtime.fakes import FakeEvents

from .fakes import CardProvider, ledger_of, take_command


@pytest.fixture(autouse=True)
def fresh(admin):
    for made_once in (provider, store, outbox):
        made_once.cache_clear()
    yield
    if store.cache_info().currsize:
        store()._database.close()
    for made_once in (provider, store, outbox):
        made_once.cache_clear()


def event() -> dict[str, object]:
    command = take_command()
    return {
        "order_id": command.order_id,
        "customer_id": command.customer_id,
        "total": {"amount": command.total.amount, "currency": command.total.currency},
    }


def test_a_provider_out_of_reach_is_an_ordinary_error_and_the_charge_stays_pending(settings, admin):
    settings.setenv("CARD_PROVIDER_FUNCTION", "nobody")
    payment = event()
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        take_payment.handler(payment, None)
    assert admin.run(
        "SELECT state, amount FROM payments.charges WHERE order_id = :id", id=payment["order_id"]
    ) == [["PENDING", 415]]


def test_a_refund_of_nothing_needs_no_provider(settings):
    settings.setenv("CARD_PROVIDER_FUNCTION", "nobody")
    refund_payment.handler({"order_id": event()["order_id"]}, None)


@pytest.mark.parametrize("name", ["CARD_PROVIDER_FUNCTION", "EVENT_BUS"])
def test_a_missing_setting_is_named_before_anything_is_done(settings, admin, name):
    settings.setenv("CARD_PROVIDER_FUNCTION", "nobody")
    settings.delenv(name)
    payment = event()
    with pytest.raises(SettingMissing, match=name):
        take_payment.handler(payment, None)
    assert (
        admin.run("SELECT 1 FROM payments.charges WHERE order_id = :id", id=payment["order_id"])
        == []
    )


def test_the_sweeper_publishes_to_the_bus_it_is_given(settings, admin, local_cloud):
    """A real bus, and a queue behind it."""
    local_cloud.client("events").create_event_bus(Name="Sweeper")
    url = listen(local_cloud, "Sweeper", pattern={"source": [SOURCE]}, name="swept")
    settings.setenv("EVENT_BUS", "Sweeper")
    command = take_command()
    take(command, ledger_of(admin, FakeEvents(broken=True)), CardProvider())
    admin.run("DELETE FROM payments.outbox WHERE order_id <> :id", id=command.order_id)
    admin.run("UPDATE payments.outbox SET recorded_at = now() - interval '1 minute'")

    assert publish_outbox.handler({}, None) == {"published": 1, "rejected": 0}

    sqs = local_cloud.client("sqs")
    (message,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
    envelope = parse_detail(PaymentTaken, json.loads(message["Body"])["detail"])
    assert envelope.metadata.event_id == event_id(SOURCE, command.order_id, 1)
    outbox()._database.close()
