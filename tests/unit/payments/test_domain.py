"""Charges: their transitions, ledger entries and events."""

from datetime import datetime, timedelta, timezone

import pytest

from lambdas.contracts.envelope import event_id
from lambdas.contracts.event import Metadata
from lambdas.contracts.payments import (
    PaymentAlreadyRefunded,
    PaymentDeclined,
    PaymentRefunded,
    PaymentTaken,
)
from lambdas.contracts.values import Money
from lambdas.payments.domain import (
    Charged,
    Declined,
    Entry,
    Kind,
    State,
    TotalMismatchError,
    Voided,
    apply_result,
    check_taken,
    check_total,
    event_for_entry,
    mark_refunded,
    pending_charge,
    posting,
    tombstone,
)
from tests.support.payments import TOTAL, take_command

COMMAND = take_command("o-1")
PENDING = pending_charge(COMMAND)
TAKEN = apply_result(PENDING, Charged())
DECLINED = apply_result(PENDING, Declined("no"))


def test_taken_charge_is_posted_from_customer_to_provider():
    assert posting(PENDING, TAKEN) == Entry(
        order_id="o-1", kind=Kind.CHARGE, debit="card-provider", credit="customer/c-1", amount=TOTAL
    )


def test_refund_is_posted_as_the_reverse_of_the_charge():
    assert posting(TAKEN, mark_refunded(TAKEN)) == Entry(
        order_id="o-1", kind=Kind.REFUND, debit="customer/c-1", credit="card-provider", amount=TOTAL
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (PENDING, DECLINED),
        (PENDING, mark_refunded(PENDING)),
        (DECLINED, mark_refunded(DECLINED)),
        (tombstone("o-1"), tombstone("o-1")),
    ],
)
def test_transition_without_money_has_no_entry(before, after):
    assert posting(before, after) is None


@pytest.mark.parametrize(
    ("answer", "state", "explanation"),
    [
        (Charged(), State.TAKEN, ""),
        (Declined("no"), State.DECLINED, "no"),
        (Voided(), State.REFUNDED, ""),
    ],
)
def test_result_of_the_provider_decides_a_pending_charge(answer, state, explanation):
    charge = apply_result(PENDING, answer)
    assert (charge.state, charge.explanation, charge.total) == (state, explanation, TOTAL)


def test_taken_charge_passes_the_check():
    check_taken(TAKEN)


def test_declined_charge_is_refused_with_the_providers_explanation():
    with pytest.raises(PaymentDeclined, match=r"^no$"):
        check_taken(DECLINED)


@pytest.mark.parametrize("charge", [mark_refunded(TAKEN), tombstone("o-1")])
def test_refunded_charge_is_refused(charge):
    with pytest.raises(PaymentAlreadyRefunded, match="o-1"):
        check_taken(charge)


def test_other_total_is_an_error():
    check_total(PENDING, COMMAND)
    check_total(tombstone("o-1"), COMMAND)
    with pytest.raises(TotalMismatchError, match="o-1"):
        check_total(TAKEN, take_command("o-1", Money(amount=4_16, currency="GBP")))


POSTED_AT = datetime(2026, 12, 1, 9, 26, 1, 482000, tzinfo=timezone(timedelta(hours=1)))


@pytest.mark.parametrize(
    ("entry", "event", "sequence", "cause"),
    [
        (posting(PENDING, TAKEN), PaymentTaken, 1, "TakePayment/o-1"),
        (posting(TAKEN, mark_refunded(TAKEN)), PaymentRefunded, 2, "RefundPayment/o-1"),
    ],
)
def test_event_of_an_entry_has_its_sequence_and_cause(entry, event, sequence, cause):
    envelope = event_for_entry(entry, POSTED_AT)

    assert envelope.data == event(order_id="o-1", customer_id="c-1", total=TOTAL)
    assert envelope.metadata == Metadata(
        event_id=event_id("com.aws.payments", "o-1", sequence),
        subject="o-1",
        sequence=sequence,
        correlation_id="o-1",
        causation_id=cause,
        occurred_at="2026-12-01T08:26:01.482Z",
        schema_version=1,
    )
