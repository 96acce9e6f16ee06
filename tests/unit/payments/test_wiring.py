"""The function as its environment configures it: the real clients, the real connection."""

import pytest
from botocore.exceptions import ClientError

from lambdas.payments import refund_payment, take_payment
from lambdas.payments.provider import provider
from lambdas.payments.store import store
from lambdas.runtime.settings import SettingMissing

from .fakes import take_command


@pytest.fixture(autouse=True)
def fresh(admin):
    for made_once in (provider, store):
        made_once.cache_clear()
    yield
    store()._database.close()
    for made_once in (provider, store):
        made_once.cache_clear()


def event() -> dict[str, object]:
    command = take_command()
    return {
        "order_id": command.order_id,
        "customer_id": command.customer_id,
        "total": {"amount": command.total.amount, "currency": command.total.currency},
    }


def test_a_provider_out_of_reach_is_an_ordinary_error_and_the_charge_stays_pending(settings, admin):
    settings.setenv("PROVIDER_FUNCTION", "nobody")
    payment = event()
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        take_payment.handler(payment, None)
    assert admin.run(
        "SELECT state, amount FROM payments.charges WHERE order_id = :id", id=payment["order_id"]
    ) == [["PENDING", 415]]


def test_a_refund_of_nothing_needs_no_provider(settings):
    settings.setenv("PROVIDER_FUNCTION", "nobody")
    refund_payment.handler({"order_id": event()["order_id"]}, None)


def test_a_missing_setting_is_named(settings):
    settings.delenv("PROVIDER_FUNCTION", raising=False)
    with pytest.raises(SettingMissing, match="PROVIDER_FUNCTION"):
        take_payment.handler(event(), None)
