"""The logical ids of what holds data: with another id, CloudFormation makes another one, empty."""

import pytest

from stacks.environments import ENVIRONMENTS
from tests.templates.checks import ARCHIVE, BUCKET, BUS, DSQL, STREAM, TABLE, USER_POOL
from tests.templates.synthesis import platform

STATEFUL = {
    "Backbone/BusEA82B648": BUS,
    "Backbone/Archive4DBC1EC9": ARCHIVE,
    "Backbone/OrderStream3FA7969B": STREAM,
    "Inventory/Stock38709CBC": TABLE,
    "Inventory/Reservations25D4BAC6": TABLE,
    "Inventory/DeliveriesBF2F7293": TABLE,
    "Orders/OrdersA9B65338": TABLE,
    "Orders/JobsCheckpoints4025189A": TABLE,
    "Orders/FrontDoorCustomers2BBA3BA9": USER_POOL,
    "CardProvider/Charges260CEA4B": TABLE,
    "Shipping/Shipments6E8A22F1": TABLE,
    "Warehouse/Stock38709CBC": TABLE,
    "Warehouse/PickingsC56AC608": TABLE,
    "Purchasing/PurchaseOrders0DDC80A0": TABLE,
    "Storefront/Availability367DB12B": TABLE,
    "Storefront/TimelinesE9B49172": TABLE,
    "Storefront/CustomerOrdersB7225C7F": TABLE,
    "Storefront/Sales1863061C": TABLE,
    "Storefront/AvailabilityBeside7571762E": TABLE,
    "Storefront/TimelinesBeside6F09522D": TABLE,
    "Storefront/CustomerOrdersBeside971DA50D": TABLE,
    "Storefront/SalesBesideBE43BDB6": TABLE,
    "Storefront/GivenUp4E100BCE": BUCKET,
    "Notifications/Customers6955EA0A": TABLE,
    "Notifications/Mails0DC70ADE": TABLE,
    "Notifications/InvoicesF0222E8D": BUCKET,
    "Payments/LedgerCluster7BFE519F": DSQL,
    "Partner/BusEA82B648": BUS,
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
