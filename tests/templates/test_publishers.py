"""Which events a function may put on the bus: those that it publishes, not all of its service."""

import pytest

from lambdas.contracts.event import Event
from lambdas.contracts.orders import OrderConfirmed, OrderPlaced, OrderWithdrawn
from lambdas.contracts.payments import ChargeUnresolved, PaymentRefunded, PaymentTaken
from tests.templates.checks.common import permissions
from tests.templates.synthesis import platform

OF_LEDGER = (PaymentTaken, PaymentRefunded)


@pytest.mark.parametrize(
    ("stack", "function", "published"),
    [
        ("Orders", "JobsRepublishStalled", (OrderPlaced, OrderWithdrawn, OrderConfirmed)),
        ("Orders", "ResumeOrder", (OrderPlaced, OrderWithdrawn)),
        ("Payments", "TakePayment", OF_LEDGER),
        ("Payments", "RefundPayment", OF_LEDGER),
        ("Payments", "ReconcileCharge", OF_LEDGER),
        ("Payments", "PublishOutbox", OF_LEDGER),
        ("Payments", "QueryStaleCharges", (ChargeUnresolved,)),
    ],
)
def test_function_may_put_the_events_that_it_publishes_and_no_others(
    stack: str, function: str, published: tuple[type[Event], ...]
):
    (allowed,) = (
        statement["Condition"]["ForAllValues:StringEquals"]["events:detail-type"]
        for role, statement in permissions(platform("dev"))
        if role.stack.endswith(f"-{stack}") and role.id.startswith(f"{function}Role")
        if statement["Action"] == "events:PutEvents"
    )

    assert {*([allowed] if isinstance(allowed, str) else allowed)} == {
        event.detail_type for event in published
    }
