"""The logical ids of what holds data: with another id, CloudFormation makes another one, empty."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from stacks.constructs.contract_outputs import PUBLISHED, READ
from stacks.environments import ENVIRONMENTS
from tests.templates.kinds import (
    ARCHIVE,
    BUCKET,
    BUS,
    DSQL,
    FUNCTION,
    QUEUE,
    STREAM,
    TABLE,
    USER_POOL,
)
from tests.templates.synthesis import platform

STATEFUL = {
    "CardProvider/Charges260CEA4B": TABLE,
    "Backbone/BusEA82B648": BUS,
    "Backbone/Archive4DBC1EC9": ARCHIVE,
    "Backbone/OrderStream3FA7969B": STREAM,
    "Inventory/Stock38709CBC": TABLE,
    "Inventory/Reservations25D4BAC6": TABLE,
    "Inventory/DeliveriesBF2F7293": TABLE,
    "Disputes/BusEA82B648": BUS,
    "Payments/LedgerCluster7BFE519F": DSQL,
    "Shipping/Shipments6E8A22F1": TABLE,
    "Orders/OrdersA9B65338": TABLE,
    "HttpApi/UsersPoolBFC35D3B": USER_POOL,
    "Orders/Offers979044BE": TABLE,
    "Orders/JobsCheckpoints4025189A": TABLE,
    "Catalog/Products229621C6": TABLE,
    "Purchasing/PurchaseOrders0DDC80A0": TABLE,
    "Warehouse/Stock38709CBC": TABLE,
    "Warehouse/PickingsC56AC608": TABLE,
    "Notifications/Customers6955EA0A": TABLE,
    "Notifications/EmailRecords04F9D766": TABLE,
    "Notifications/ContactsCounters6B422166": TABLE,
    "Notifications/InvoicesF0222E8D": BUCKET,
    "Storefront/AvailabilityBlue2AF1349F": TABLE,
    "Storefront/AvailabilityGreen1AE91823": TABLE,
    "Storefront/ProductsBlue728A84F1": TABLE,
    "Storefront/ProductsGreen74D4F2E7": TABLE,
    "Storefront/TimelinesBlue1563AFDD": TABLE,
    "Storefront/TimelinesGreenA705C949": TABLE,
    "Storefront/CustomerOrdersBlueB5451708": TABLE,
    "Storefront/CustomerOrdersGreen0CDCA699": TABLE,
    "Storefront/SalesBlue6B6CD4F7": TABLE,
    "Storefront/SalesGreen738A708A": TABLE,
    "Storefront/ProjectionDeadLettersB27C707B": BUCKET,
}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_logical_ids_of_data_are_stable(environment: str):
    found = {
        f"{resource.stack.rpartition('-')[2]}/{resource.id}": resource.kind
        for resource in platform(environment).all(
            BUS, ARCHIVE, STREAM, TABLE, DSQL, BUCKET, USER_POOL
        )
    }

    assert found == STATEFUL


CALLED_BY_OTHER_STACKS = {
    "CardProvider/HandleRequest33D3DFF9": "Payments",
    "Inventory/ReceiveStockD1C2B4F2": "Purchasing",
    "Inventory/ReleaseStock0C0D220A": "Orders",
    "Inventory/ReserveStock6192D533": "Orders",
    "Payments/RefundPayment4FC8481A": "Orders",
    "Payments/TakePayment1ACD3665": "Orders",
    "Shipping/BookShipmentEE9DFAB4": "Orders",
    "Shipping/CancelShipment268A195D": "Orders",
    "Supplier/AnswerPurchaseOrder2CEBAA62": "Purchasing",
}
"""Functions that another stack calls, and which.

A new logical id is a new function, and CloudFormation deletes the old one at the end of its own
stack's update. The caller's stack is deployed later: until then every call of it fails. So such a
function is renamed in two releases. The first adds the new one next to the old one, and changes
the callers, and so this list; the second removes the old one. docs/how-to/deploy.md has the rule.
"""


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_functions_that_other_stacks_call_are_renamed_in_two_releases(environment: str):
    of = platform(environment)
    found = {
        f"{_service(function.stack)}/{function.id}": _service(stack)
        for stack, template in of.templates.items()
        for reference in _foreign_references(template)
        if (function := of.referred(stack, reference)) and function.kind == FUNCTION
    }

    assert found == CALLED_BY_OTHER_STACKS


QUEUES = {
    "Backbone": """
        CatchAllUndelivered6C00C32B DestinationEventsToStreamRuleUndelivered27AEBFFF
        ReplaysQueueC975F575 ReplaysQueueDeadLetters100841F6 ReplaysRuleUndelivered9AD6BA7F
        ScalerScaleStreamDeadLetters5F0AD471 ToOrderStreamRuleUndelivered3CF4B31C
    """,
    "Catalog": """
        OutboxDeadLetters97B842CA
    """,
    "Disputes": """
        IngestDisputeDeadLettersE82AF03C LogAllRuleUndelivered869DB6BC
        OnDisputeRuleUndelivered39204EB3
    """,
    "Inventory": """
        OutboxDeadLetters97B842CA PendingDeadLetters3D86DB60
        QueryStaleReservationsDeadLetters46232EE6
        ReconcileReservationDeadLettersA0223AB7
        ReconcileReservationOnOrderConfirmedRuleUndelivered3F45CE53
        ReconcileReservationOnOrderStatusReportedRuleUndelivered21299CE1
        ShipStockDeadLettersB0439025 ShipStockOnShipmentDispatchedRuleUndelivered5AE37092
    """,
    "Notifications": """
        EmailInvoiceDeadLetters68C6D77B EmailInvoiceFailureRecords81A3A7B2
        InvoiceRuleUndeliveredA880FDB8 IssueInvoiceDeadLettersD0FEC999
        NotifyCustomerDeadLetters49C3F5BF NotifyCustomerFailureRecords9753D192
        NotifyRuleUndeliveredD4C42742
    """,
    "Payments": """
        PublishOutboxDeadLettersA11794F5 QueryStaleChargesDeadLetters5FBDE71A
        ReconcileChargeDeadLettersDE5C7E6F
        ReconcileChargeOnOrderConfirmedRuleUndelivered65C7932A
        ReconcileChargeOnOrderStatusReportedRuleUndelivered05CCA4A8
    """,
    "Shipping": """
        ApplyHoldDeadLetters47DD4585 ApplyHoldOnOrderHeldRuleUndelivered2764A6DE
        ApplyHoldOnOrderHoldLiftedRuleUndeliveredECA2DB25 DispatchShipmentDeadLetters72318EAA
        DispatchShipmentOnOrderPickedRuleUndelivered1B7E6D33 OutboxDeadLetters97B842CA
    """,
    "Orders": """
        AlertOrderHeldRuleUndeliveredBC17BE3D AlertOrderHoldMissedRuleUndeliveredB39FABCE
        AlertOrderNeedsAttentionRuleUndeliveredE12DC084 AnswerStatusQueryDeadLetters3599CDA6
        AnswerStatusQueryOnChargeUnresolvedRuleUndeliveredA7BEBE90
        AnswerStatusQueryOnReservationUnresolvedRuleUndelivered827C41DE
        HoldOrderDeadLetters13F2F2C0 HoldOrderOnPaymentDisputedRuleUndelivered7B420F0C
        JobsExpireOrdersDeadLettersF36C46EB JobsRepublishStalledDeadLetters40496292
        JobsResolveDuplicatesDeadLettersCA0ACDE9 MarkDispatchedDeadLettersD72D8EE7
        MarkDispatchedOnShipmentDispatchedRuleUndeliveredFC7D7E89 OutboxDeadLetters97B842CA
        Repair5BDAE049 StartFulfilmentRuleUndeliveredDE28EFA9
        StartWithdrawalRuleUndelivered069CB623 UpdateOffersDeadLettersEB75DEF7
        UpdateOffersOnOffersChangedRuleUndelivered1E87A3CC
    """,
    "Purchasing": """
        FollowUpPurchaseOrdersDeadLetters68060C9D LowStockDeadLettersD6DFAECA
        LowStockQueueA5E0ED7B LowStockUndelivered5F7453E0
    """,
    "Storefront": """
        AvailabilitySubscriberDeadLetters15F1C821 AvailabilitySubscriberQueueAC1333D3
        AvailabilitySubscriberUndelivered2A656B68 CustomerOrdersProjectionDeadLetters3B5D88DC
        SalesProjectionDeadLettersA1D8357D TimelinesProjectionDeadLettersAC912156
        UpdateProductsDeadLettersBFF3A751 UpdateProductsOnOffersChangedRuleUndelivered8ACC7EAC
    """,
    "Warehouse": """
        LogInstancesRuleUndelivered87CD137B NotifyOfWorkerScalingRuleUndeliveredA2BD362E
        PickRuleUndelivered4F80DA3E PickingDeadLetters664754D0 PickingE9B423F6
        StockChangesDeadLetters24C16CEA StockChangesQueue8CC02398
        StockChangesUndelivered2BDC19B6
    """,
}
"""By service, the logical ids of its queues."""


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_logical_ids_of_queues_are_stable(environment: str):
    """A renamed queue is a new one: what is in the old one is not where anybody looks for it.

    Look into it before (`python -m ops dlq list`). In prod the old one is kept, and
    `python -m ops retained` lists it.
    """
    found: dict[str, set[str]] = {}
    for queue in platform(environment).all(QUEUE):
        found.setdefault(_service(queue.stack), set()).add(queue.id)

    assert found == {service: set(ids.split()) for service, ids in QUEUES.items()}


def _service(stack: str) -> str:
    return stack.rpartition("-")[2]


def _foreign_references(value: Any) -> Iterator[Any]:
    match value:
        case {"Fn::GetStackOutput": _}:
            yield value
        case dict():
            for inner in value.values():
                yield from _foreign_references(inner)
        case list():
            for inner in value:
                yield from _foreign_references(inner)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_outputs_of_all_stacks_have_different_names(environment: str):
    """The laptop, the tests and the operator read the outputs of all stacks as one set."""
    names = Counter(
        name
        for template in platform(environment).templates.values()
        for name in template.get("Outputs", {})
        if name not in (READ, PUBLISHED) and not name.startswith("ExportsOutput")
    )

    assert [name for name, stacks in names.items() if stacks > 1] == []
